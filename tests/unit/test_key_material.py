"""Keys and passwords in the open: recognised by their form, and nothing else is."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from common.names import PROJECT
from program import settings
from program.settings import stack_config
from program.settings.key_material import hidden, holds_key
from tests.unit.cas import make_ca
from tests.unit.program import as_config, run, stack_file
from tests.unit.refused.words import told

RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
SMALL = ed25519.Ed25519PrivateKey.generate()
PKCS8, TRADITIONAL, OPENSSH = (
    form.PrivateFormat.PKCS8,
    form.PrivateFormat.TraditionalOpenSSL,
    form.PrivateFormat.OpenSSH,
)
LOCKED = form.BestAvailableEncryption(b"x")


def pem(key: Any, shape: form.PrivateFormat, lock: Any = None) -> str:
    lock = lock or form.NoEncryption()
    return str(key.private_bytes(form.Encoding.PEM, shape, lock).decode())


PEMS = {
    "PKCS#1": pem(RSA, TRADITIONAL),
    "PKCS#8": pem(RSA, PKCS8),
    "PKCS#8 of a curve": pem(CURVE, PKCS8),
    "EC": pem(CURVE, TRADITIONAL),
    "Ed25519": pem(SMALL, PKCS8),
    "DSA": pem(dsa.generate_private_key(2048), TRADITIONAL),
    "encrypted": pem(CURVE, PKCS8, LOCKED),
    "OpenSSH": pem(SMALL, OPENSSH),
}
BODIES = {kind: "".join(text.splitlines()[1:-1]) for kind, text in PEMS.items()}
KEYS = {
    **PEMS,
    **{f"{kind}, in one line": text.replace("\n", " ") for kind, text in PEMS.items()},
    **{f"{kind}, escaped": text.replace("\n", "\\n") for kind, text in PEMS.items()},
    **{f"{kind}, its body alone": text for kind, text in BODIES.items()},
    **{f"{kind}, folded": "\n".join(textwrap.wrap(t, 40)) for kind, t in BODIES.items()},
    **{f"{k}, base64": base64.b64encode(t.encode()).decode() for k, t in PEMS.items()},
    **{f"{k}, base64url": base64.urlsafe_b64encode(t.encode()).decode() for k, t in PEMS.items()},
    "PKCS#12": base64.b64encode(
        pkcs12.serialize_key_and_certificates(b"a", CURVE, None, None, LOCKED)
    ).decode(),
    "connection string": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "a1B+" * 21,
    "shared access signature": "https://a.blob.core.windows.net/m?sv=2024&sig=" + "a1%2B" * 9,
    "storage account key": "a1B/" * 19 + "+ASt" + "a1B/a" + "A==",
    "application's secret": "abc" + "8Q~" + "a1._" * 8 + "ab",
    "GitHub token": "ghp" + "_" + "a1B2" * 9,
}
CA = make_ca()
NO_KEYS = {
    "a certificate": CA.pem,
    "a certificate, base64": base64.b64encode(CA.pem.encode()).decode(),
    "a certificate's body": "".join(CA.pem.splitlines()[1:-1]),
    "a public key": RSA.public_key()
    .public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "a digest": "sha256:" + "30820a" * 10 + "abcd",
    "an integrity": "sha512-" + base64.b64encode(bytes(range(64))).decode(),
    "a text": "PRIVATE KEY of the team is with the AccountKey= people, sig=none",
    "a path": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/x/y",
    "a GUID": "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11",
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_recognised(kind: str) -> None:
    assert holds_key(KEYS[kind])
    assert holds_key(f"key={KEYS[kind]}")


@pytest.mark.parametrize("kind", NO_KEYS)
def test_what_is_no_key_is_left_alone(kind: str) -> None:
    assert hidden(NO_KEYS[kind]) == NO_KEYS[kind]
    assert not holds_key(NO_KEYS[kind])


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("place", ["tags", "modelImage.buildArgs"])
def test_a_key_as_a_tag_or_build_argument_is_refused_and_not_shown(kind: str, place: str) -> None:
    key = "PYTHON_IMAGE" if "." in place else "key"
    holder: dict[str, Any] = {key: KEYS[kind]}
    given = {"tags": holder} if place == "tags" else {"modelImage": {"buildArgs": holder}}

    error = run(settings.StackSettings.load, config=as_config(stack_file("dev", given))).error

    assert isinstance(error, stack_config.SettingsError)
    (sentence,) = told(error)
    assert sentence.startswith(f"{place}.{key}: ")
    assert "is not allowed; it takes " in sentence
    assert KEYS[kind][-24:-4] not in sentence


def test_the_refusal_says_what_to_do() -> None:
    error = refused({"tags": {"key": PEMS["EC"]}}, secret_keys=())

    assert told(error) == [
        "tags.key: a key or password in plain text is not allowed; it takes what everybody may "
        "read who may read the resources and the image (make another in its place: this one is no "
        "secret any more). Type: pulumi config rm --path tags.key"
    ]


@pytest.mark.parametrize("key", ["tags", "modelImage"])
def test_a_secret_that_would_be_deployed_as_plain_text_is_refused(key: str) -> None:
    """The engine only tells that there is one; where, only the stack file does."""
    secret = {"tags": {"key": "hush"}, "modelImage": {"buildArgs": {"PYTHON_IMAGE": "hush"}}}[key]

    error = refused({key: secret}, secret_keys=(f"mtls-model-endpoint:{key}",))

    assert [s.split(" is not allowed")[0] for s in told(error)] == [f"{key}: a secret"]
    assert "hush" not in str(error)


def test_a_secret_tag_is_named_where_the_stack_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    tags = {"owner": "me", "key": {"secure": "v1:xyz"}}
    (tmp_path / "Pulumi.dev.yaml").write_text(
        yaml.safe_dump({"config": {"mtls-model-endpoint:tags": tags}})
    )
    monkeypatch.setattr(stack_config, "STACK_FILES", tmp_path)

    error = refused(
        {"tags": {"owner": "me", "key": "hush"}}, secret_keys=("mtls-model-endpoint:tags",)
    )

    (sentence,) = told(error)
    assert sentence.startswith("tags.key: a secret is not allowed; ")
    assert sentence.endswith("Type: pulumi config rm --path tags.key")


def test_a_providers_password_in_plain_text_is_refused() -> None:
    secret = {"azure-native:clientSecret": KEYS["application's secret"]}

    (sentence,) = told(refused(secret, secret_keys=()))

    assert sentence == (
        "azure-native:clientSecret: a key or password in plain text is not allowed; it takes a "
        "secret, encrypted in the file. Type: pulumi config set --secret azure-native:clientSecret"
    )
    encrypted = refused(secret, secret_keys=("azure-native:clientSecret",))
    assert encrypted is None


def refused(overrides: dict[str, Any], secret_keys: tuple[str, ...]) -> Exception | None:
    config = as_config(stack_file("dev", overrides))
    return run(settings.StackSettings.load, config=config, secret_keys=secret_keys).error
