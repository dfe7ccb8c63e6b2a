"""A CA of the user's: what is no CA for this stack is refused before anything is made.

The CAs are made on the spot. What is wrong with them is what nginx, clients or pulumi-tls would
only say in the middle of a deployment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Use

from common.names import PROJECT
from program.settings import StackSettings, stack_config
from tests.unit.cas import Ca, make_ca, on_an_unknown_curve, with_its_curve
from tests.unit.program import Deployment, as_config, run, stack_file
from tests.unit.pulumi_config import follow
from tests.unit.refused.words import absent, told

ROOT_CA = make_ca("Root")
MIDDLE_CA = make_ca("Middle", issuer=ROOT_CA)
OTHER_CA = make_ca("Other")
WEAK_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505  that is the point
CERTIFICATE = "certificates.authority.certificatePem"
KEY = "certificates.authority.privateKeyPem"
SET_CERTIFICATE = f'pulumi config set --path {CERTIFICATE} -- "$(cat ca.crt)"'
SET_KEY = f"pulumi config set --secret --path {KEY} < ca.key"
GOOD_KEY = "a CA with a key that clients take: RSA of 2048 bits or more, P-256, P-384, P-521"
BOTH_USES = (
    "a CA for servers and clients: an extended key usage with serverAuth and clientAuth, or "
    "without any"
)
NO_CA = "the certificate of a CA (basicConstraints CA:TRUE), which this is not"
SIGNED_BY_THE_NEXT = "a chain in which each certificate is signed by the next"


def authority(certificate: str | Ca, key: str | Ca = ROOT_CA, **others: Any) -> dict[str, Any]:
    """Config of a stack whose certificates this CA signs."""
    pem = certificate if isinstance(certificate, str) else certificate.pem
    key_pem = key if isinstance(key, str) else key.key_pem
    given = {"certificatePem": pem, "privateKeyPem": key_pem}
    return {"certificates": {"authority": given, **others}}


def alone(ca: Ca) -> dict[str, Any]:
    return authority(ca, ca)


def load(values: dict[str, Any]) -> Deployment:
    return run(StackSettings.load, config=as_config(values))


def sentences(overrides: dict[str, Any]) -> list[str]:
    """What a stack file with this CA is refused with."""
    error = load(stack_file("dev", overrides)).error
    assert isinstance(error, stack_config.SettingsError), repr(error)
    return told(error)


def unfit(ca: str, allowed: str) -> list[str]:
    return [f'{CERTIFICATE}: "{ca}" is not allowed; it takes {allowed}. Type: {SET_CERTIFICATE}']


def no_pem(value: str) -> list[str]:
    return list(map(absent, unfit(value, "a CA certificate as PEM text")))


def key_does_not_fit(ca: str) -> list[str]:
    allowed = f"the unencrypted private key that belongs to '{ca}'"
    return [f'{KEY}: "[secret]" is not allowed; it takes {allowed}. Type: {SET_KEY}']


GARBLED = ROOT_CA.pem.replace("MII", "AAA", 1)
BAD: dict[str, tuple[Callable[[], dict[str, Any]], list[str]]] = {
    "no CA": (lambda: alone(make_ca(is_ca=False)), unfit("CN=Example CA", NO_CA)),
    "may not sign certificates": (
        lambda: alone(make_ca(may_sign=False)),
        unfit("CN=Example CA", "a CA whose key usage allows it to sign certificates (keyCertSign)"),
    ),
    "for servers alone": (
        lambda: alone(make_ca(uses=[Use.SERVER_AUTH])),
        unfit("CN=Example CA", BOTH_USES),
    ),
    # OpenSSL does not take it for both.
    "for any use": (
        lambda: alone(make_ca(uses=[Use.ANY_EXTENDED_KEY_USAGE])),
        unfit("CN=Example CA", BOTH_USES),
    ),
    "a demand that nobody knows": (
        lambda: alone(make_ca(demands="1.2.3.4.5")),
        unfit(
            "CN=Example CA",
            "a CA without critical extensions that clients do not know, such as 1.2.3.4.5",
        ),
    ),
    "RSA too short": (
        lambda: alone(make_ca(key=WEAK_RSA)),
        unfit("CN=Example CA", GOOD_KEY),
    ),
    "a curve that no client takes": (
        lambda: alone(make_ca(key=ec.generate_private_key(ec.SECP224R1()))),
        unfit("CN=Example CA", GOOD_KEY),
    ),
    "a curve that nobody knows": (
        lambda: authority(on_an_unknown_curve(ROOT_CA.pem)),
        unfit("CN=Root", GOOD_KEY),
    ),
    "Ed25519": (
        lambda: alone(make_ca(key=ed25519.Ed25519PrivateKey.generate())),
        unfit("CN=Example CA", GOOD_KEY),
    ),
    "an intermediate without its root": (
        lambda: alone(MIDDLE_CA),
        unfit(
            "CN=Middle",
            "a chain that ends with a self-signed root (append the CA that signed 'CN=Middle')",
        ),
    ),
    "the root before the intermediate": (
        lambda: authority(ROOT_CA.pem + MIDDLE_CA.pem, MIDDLE_CA),
        unfit("CN=Root", SIGNED_BY_THE_NEXT),
    ),
    "a root of somebody else": (
        lambda: authority(MIDDLE_CA.pem + OTHER_CA.pem, MIDDLE_CA),
        unfit("CN=Middle", SIGNED_BY_THE_NEXT),
    ),
    "something after the root": (
        lambda: authority(ROOT_CA.pem + OTHER_CA.pem),
        unfit("CN=Root", SIGNED_BY_THE_NEXT),
    ),
    "a root that forbids CAs below it": (
        lambda: chain_below(make_ca("Strict", path_length=0)),
        unfit(
            "CN=Below",
            "a chain whose path lengths allow it: 'CN=Strict' has pathlen:0 and 1 CA below it, so "
            "no leaf of it is valid",
        ),
    ),
    "a root that is none": (
        lambda: chain_below(make_ca("Leaf", is_ca=False)),
        unfit("CN=Below", NO_CA),
    ),
    "the key of another CA": (lambda: authority(ROOT_CA, OTHER_CA), key_does_not_fit("CN=Root")),
    "the root's key for the intermediate": (
        lambda: authority(MIDDLE_CA.pem + ROOT_CA.pem, ROOT_CA),
        key_does_not_fit("CN=Middle"),
    ),
    "an encrypted key": (
        lambda: authority(ROOT_CA, ROOT_CA.encrypted_key_pem),
        key_does_not_fit("CN=Root"),
    ),
    "a key that is a word": (lambda: authority(ROOT_CA, "secret"), key_does_not_fit("CN=Root")),
    "a key that is a certificate": (
        lambda: authority(ROOT_CA, ROOT_CA.pem),
        key_does_not_fit("CN=Root"),
    ),
    "a key of a kind that nobody knows": (
        lambda: authority(ROOT_CA, on_an_unknown_curve(ROOT_CA.key_pem)),
        key_does_not_fit("CN=Root"),
    ),
    "a certificate that is a word": (lambda: authority("ca.crt"), no_pem("ca.crt")),
    "a certificate that is empty": (lambda: authority(""), no_pem("")),
    "a certificate with its key": (
        lambda: authority(ROOT_CA.pem + ROOT_CA.key_pem),
        no_pem("[secret]"),
    ),
    "the key for the certificate": (lambda: authority(ROOT_CA.key_pem), no_pem("[secret]")),
    "a certificate that cannot be read": (
        lambda: authority(GARBLED),
        unfit("(unreadable)", "a certificate that can be read; this one cannot"),
    ),
    "no certificate": (
        lambda: {"certificates": {"authority": {"privateKeyPem": ROOT_CA.key_pem}}},
        [
            f"{CERTIFICATE}: the value is missing; it takes a CA certificate as PEM text. "
            f"Type: {SET_CERTIFICATE}"
        ],
    ),
    "no key": (
        lambda: {"certificates": {"authority": {"certificatePem": ROOT_CA.pem}}},
        [
            f"{KEY}: the value is missing; it takes its private key as PEM text, as a secret. "
            f"Type: {SET_KEY}"
        ],
    ),
    "a CA as text": (
        lambda: {"certificates": {"authority": ROOT_CA.pem[:20]}},
        [
            f'certificates.authority: "{ROOT_CA.pem[:20]}" is not allowed; it takes an object with '
            "certificatePem, privateKeyPem. Write: certificates.authority: {}"
        ],
    ),
    "one of the stack's own is said to sign": (
        lambda: authority(ROOT_CA, ca={"trusted": [1], "issuing": 1}),
        [
            "certificates.ca.issuing: 1 is not allowed; it takes nothing when "
            "certificates.authority signs. Type: pulumi config rm --path certificates.ca.issuing"
        ],
    ),
}


def chain_below(root: Ca) -> dict[str, Any]:
    below = make_ca("Below", issuer=root)
    return authority(below.pem + root.pem, below)


@pytest.mark.parametrize("case", BAD)
def test_a_ca_that_cannot_serve_is_refused_with_the_reason(case: str) -> None:
    given, expected = BAD[case]

    assert sentences(given()) == expected


@pytest.mark.parametrize("case", BAD)
def test_typing_what_the_refusals_say_ends_with_a_stack_that_deploys(case: str) -> None:
    values = stack_file("dev", BAD[case][0]())
    seen: set[str] = set()

    while error := load(values).error:
        sentences = told(error)
        assert seen.isdisjoint(sentences), "the command did not help"
        seen |= set(sentences)
        given = values["certificates"]["authority"]
        present = given.get("certificatePem", "") if isinstance(given, dict) else ""
        ca = next((ca for ca in (ROOT_CA, MIDDLE_CA) if present.startswith(ca.pem)), OTHER_CA)
        files = {"ca.crt": OTHER_CA.pem, "ca.key": ca.key_pem}
        for sentence in sentences:
            follow(sentence, values, files)


def test_a_ca_that_has_ended_and_one_that_has_not_begun_are_refused() -> None:
    ended, future = make_ca("Ended", starts=-20, ends=-10), make_ca("Future", starts=10)

    for ca, allowed in (
        (ended, f"a CA that is still valid; this one ended on {day(ended, 'after')}"),
        (future, f"a CA that is valid already; this one begins on {day(future, 'before')}"),
    ):
        assert sentences(alone(ca)) == unfit(ca.name, allowed)


def test_a_root_that_has_ended_is_refused_for_what_is_below_it() -> None:
    root = make_ca("Ended root", starts=-20, ends=-10)

    (sentence,) = sentences(chain_below(root))

    assert f"a CA that is still valid; this one ended on {day(root, 'after')}" in sentence


def day(ca: Ca, which: str) -> str:
    return f"{getattr(ca.certificate, f'not_valid_{which}_utc'):%Y-%m-%d}"


@pytest.mark.parametrize("below_a_root", [True, False])
def test_leaves_may_not_outlive_the_ca_nor_the_root_above_it(below_a_root: bool) -> None:
    short = make_ca("Short", ends=100.5)
    days = {"validityDays": {"server": 101, "client": 100}}
    if below_a_root:
        long = make_ca("Long", issuer=short)
        given = authority(long.pem + short.pem, long, **days)
    else:
        given = authority(short, short, **days)

    assert sentences(given) == [
        "certificates.validityDays.server: 101 is not allowed; it takes at most what is left of "
        "certificates.authority (100 days): a certificate is worth nothing after its CA's end. "
        "Type: pulumi config set --path certificates.validityDays.server 50"
    ]


def test_a_ca_that_ends_before_the_shortest_certificate_has_to_be_replaced() -> None:
    ending = make_ca(ends=1.5)
    given = authority(ending, ending, validityDays={"server": 2, "client": 2})

    (sentence,) = sentences(given)

    assert sentence.endswith(f"Type: {SET_CERTIFICATE}")


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "for both uses": lambda: alone(make_ca(uses=[Use.SERVER_AUTH, Use.CLIENT_AUTH])),
    "a root": lambda: alone(ROOT_CA),
    "an intermediate with its root": lambda: authority(MIDDLE_CA.pem + ROOT_CA.pem, MIDDLE_CA),
    "a root for one CA below it": lambda: chain_below(make_ca("One", path_length=1)),
    "a CA for leaves only": lambda: alone(make_ca(path_length=0)),
    "a CA without a key usage": lambda: alone(make_ca(may_sign=None)),
    "RSA": lambda: alone(make_ca(key=rsa.generate_private_key(65537, 2048))),
    "P-521": lambda: alone(make_ca(key=ec.generate_private_key(ec.SECP521R1()))),
    "lines as Windows ends them": lambda: authority(ROOT_CA.pem.replace("\n", "\r\n")),
    "text around the certificate": lambda: authority(f"subject=Root\n{ROOT_CA.pem}\nthe end"),
    "without the last line's end": lambda: authority(ROOT_CA.pem.strip(), ROOT_CA.key_pem.strip()),
    "beside one of the stack's own": lambda: authority(ROOT_CA, ca={"trusted": [1]}),
    "beside another": lambda: authority(ROOT_CA, alsoTrust=[OTHER_CA.pem]),
    "leaves for as long as it lasts": lambda: authority(
        ca := make_ca(ends=100.5), ca, validityDays={"server": 100, "client": 100}
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_ca_that_can_serve_is_taken(case: str) -> None:
    assert load(stack_file("dev", GOOD[case]())).error is None


def test_the_curve_that_openssl_writes_before_a_key_is_left_out() -> None:
    """pulumi-tls takes what comes first for the key, and says so in the middle of a deployment."""
    written = with_its_curve(ROOT_CA)
    loaded: list[StackSettings] = []
    config = as_config(stack_file("dev", authority(ROOT_CA, written)))

    error = run(lambda: loaded.append(StackSettings.load()), config=config).error

    assert error is None
    assert loaded[0].certificates.authority is not None
    kept = loaded[0].certificates.authority.private_key_pem.get_secret_value()
    assert kept == written.partition("-----END EC PARAMETERS-----\n")[2]


def test_a_key_in_plain_text_is_refused() -> None:
    config = as_config(stack_file("dev", alone(ROOT_CA)))

    error = run(StackSettings.load, config=config, secret_keys=()).error

    assert isinstance(error, stack_config.SettingsError)
    assert told(error) == [
        f"{KEY}: a value in plain text is not allowed; it takes a secret, encrypted in the file. "
        f"Type: {SET_KEY}",
    ]


def test_a_key_in_plain_text_is_refused_also_beside_something_that_is_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = alone(ROOT_CA)
    monkeypatch.setattr(stack_config, "STACK_FILES", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    written = tmp_path / "Pulumi.dev.yaml"
    config = as_config(stack_file("dev", values))

    written.write_text(yaml.safe_dump({"config": values}))
    refused = run(StackSettings.load, config=config).error
    written.write_text("config: {mtls-model-endpoint:certificates: {secure: v1:xyz}}")
    taken = run(StackSettings.load, config=config).error

    assert "a value in plain text is not allowed" in str(refused)
    assert taken is None


BAD_TRUST: dict[str, tuple[Callable[[], list[Any]], int, str, str]] = {
    "garbage": (lambda: ["ca.crt"], 0, '"ca.crt"', "a CA certificate as PEM text"),
    "a number": (lambda: [ROOT_CA.pem, 5], 1, "5", "a CA certificate as PEM text"),
    "a key": (lambda: [ROOT_CA.key_pem], 0, '"[secret]"', "a CA certificate as PEM text"),
    "a certificate with its key": (
        lambda: [ROOT_CA.pem + ROOT_CA.key_pem],
        0,
        '"[secret]"',
        "a CA certificate as PEM text",
    ),
    "a leaf": (lambda: [make_ca(is_ca=False).pem], 0, '"a certificate"', NO_CA),
    "a CA that is for clients alone": (
        lambda: [make_ca(uses=[Use.CLIENT_AUTH]).pem],
        0,
        '"a certificate"',
        BOTH_USES,
    ),
    "unreadable": (
        lambda: [GARBLED],
        0,
        '"a certificate"',
        "a certificate that can be read; this one cannot",
    ),
    "a key that no client takes": (
        lambda: [make_ca(key=ec.generate_private_key(ec.SECP224R1())).pem],
        0,
        '"a certificate"',
        GOOD_KEY,
    ),
    "an intermediate alone": (
        lambda: [ROOT_CA.pem, MIDDLE_CA.pem],
        1,
        '"a certificate"',
        "a chain that ends with a self-signed root (append the CA that signed 'CN=Middle')",
    ),
    "the same CA twice": (
        lambda: [ROOT_CA.pem, OTHER_CA.pem, ROOT_CA.pem],
        2,
        '"a certificate"',
        "each CA once; one with this name and key is there already",
    ),
    "the same CA, renewed": (
        lambda: [ROOT_CA.pem, make_ca("Root", key=ROOT_CA.key).pem],
        1,
        '"a certificate"',
        "each CA once; one with this name and key is there already",
    ),
}


@pytest.mark.parametrize("case", BAD_TRUST)
def test_nothing_is_trusted_that_is_no_ca(case: str) -> None:
    given, index, value, allowed = BAD_TRUST[case]
    key = f"certificates.alsoTrust[{index}]"

    assert sentences({"certificates": {"alsoTrust": given()}}) == [
        f"{key}: {value} is not allowed; it takes {allowed}. Type: "
        + (f"pulumi config rm --path '{key}'" if "once" in allowed else set_anchor(key))
    ]


def set_anchor(key: str) -> str:
    return f"pulumi config set --path '{key}' -- \"$(cat ca.crt)\""


def test_a_ca_that_has_ended_is_not_trusted_any_longer() -> None:
    ended = make_ca(starts=-20, ends=-10)

    (sentence,) = sentences({"certificates": {"alsoTrust": [ended.pem]}})

    assert f"this one ended on {day(ended, 'after')}. Type: pulumi config set" in sentence


def test_the_ca_that_signs_is_trusted_without_being_named_again() -> None:
    (sentence,) = sentences(authority(ROOT_CA, alsoTrust=[OTHER_CA.pem, ROOT_CA.pem]))

    assert sentence.startswith("certificates.alsoTrust[1]: ")
    assert sentence.endswith("Type: pulumi config rm --path 'certificates.alsoTrust[1]'")
