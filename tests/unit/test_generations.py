"""Generations of clients, the server and CAs, from the stack file to what they are made of."""

from __future__ import annotations

import base64
from typing import Any

import pulumi
import pytest

from components.certificates import fingerprint_sha1
from program import identities
from program.continuity import ContinuityError
from program.settings import StackSettings
from tests.unit.cas import Ca, make_ca
from tests.unit.nginx_conf import configuration, map_of, only, servers
from tests.unit.plugins import certificate_pem, digits, private_key_pem
from tests.unit.program import (
    READ_OUTPUTS,
    Deployment,
    Records,
    config_of,
    deploy,
    run,
    run_committed,
)
from tests.unit.properties import Secret
from tests.unit.test_resources import authority, found, leaf
from tests.unit.test_secrets import body, everything_said, places_of, readings

ROOT = make_ca("Theirs")
MIDDLE = make_ca("Below theirs", issuer=ROOT)
OTHER = make_ca("Other")
TWO = {"clients": [{"name": "alice", "generations": [1, 2]}]}
ROLL = {"certificates": {"ca": {"trusted": [1, 2], "issuing": 2}}}


def theirs(signing: Ca = ROOT, chain: str = "", **others: Any) -> dict[str, Any]:
    given = {"certificatePem": chain or signing.pem, "privateKeyPem": signing.key_pem}
    return {"certificates": {"authority": given, **others}}


def listed(resource: str) -> str:
    """What nginx knows a certificate by."""
    serial = int(digits(resource)).to_bytes(16).hex().upper()
    return f"{serial}/{fingerprint_sha1(certificate_pem(resource))}"


def volume(deployment: Deployment, name: str) -> str:
    (found_,) = deployment["endpoint-group"].inputs["volumes"]
    return base64.b64decode(found_["secret"][name]).decode()


def failed(overrides: dict[str, Any], previous: Records, *, preview: bool = False) -> Deployment:
    """A run that has to end with an error, with all that it asked for until then."""
    config = config_of("dev", overrides)
    deployment = run_committed("dev", config, previous=previous, preview=preview)
    assert deployment.error is not None, "the program accepted it"
    return deployment


def test_one_more_generation_is_one_more_certificate_and_nothing_else() -> None:
    one = deploy("dev", {"clients": [{"name": "alice"}]})
    two = deploy("dev", TWO)

    assert found(two) - found(one) == leaf("ClientCertificate", "client-alice@2")
    assert found(one) - found(two) == set()


def test_a_generation_that_is_taken_out_takes_its_certificate_and_nothing_else() -> None:
    second = deploy("dev", {"clients": [{"name": "alice", "generations": [2]}]})

    assert found(deploy("dev", TWO)) - found(second) == leaf("ClientCertificate", "client-alice@1")


def test_all_generations_of_a_client_have_its_name_and_keys_of_their_own() -> None:
    deployment = deploy("dev", TWO)

    for generation in (1, 2):
        request = deployment[f"client-alice@{generation}-request"].inputs
        assert request["subject"]["commonName"] == "alice"
        assert request["privateKeyPem"] == Secret(private_key_pem(f"client-alice@{generation}-key"))


def test_every_generation_that_is_listed_is_let_in() -> None:
    deployment = deploy("dev", TWO)

    assert map_of(configuration(deployment), "$client_name") == {
        "default": "",
        listed("client-alice@1-certificate"): "alice",
        listed("client-alice@2-certificate"): "alice",
    }


# --- CAs -------------------------------------------------------------------------------------


def test_a_second_ca_is_made_beside_the_first_with_a_name_of_its_own() -> None:
    certificates = {"ca": {"trusted": [1, 2], "issuing": 1}}
    deployment = deploy("dev", {"certificates": certificates})
    names = {
        name: ca.inputs["subject"]["commonName"]
        for name, ca in deployment.of("SelfSignedCert").items()
    }

    assert found(deployment) - found(deploy("dev")) == authority("ca@2")
    assert names == {"ca@1-certificate": "demo CA", "ca@2-certificate": "demo CA 2"}


@pytest.mark.parametrize("issuing", [1, 2])
def test_the_issuing_ca_signs_everybody(issuing: int) -> None:
    deployment = deploy("dev", {"certificates": {"ca": {"trusted": [1, 2], "issuing": issuing}}})

    for certificate in deployment.of("LocallySignedCert").values():
        assert certificate.inputs["caCertPem"] == certificate_pem(f"ca@{issuing}-certificate")
        assert certificate.inputs["caPrivateKeyPem"] == Secret(private_key_pem(f"ca@{issuing}-key"))


def test_clients_and_the_endpoint_are_told_to_trust_both() -> None:
    deployment = deploy("dev", ROLL)
    both = certificate_pem("ca@1-certificate") + certificate_pem("ca@2-certificate")

    assert deployment.exports["endpoint"]["caCertificatesPem"] == both
    assert volume(deployment, "ca.crt") == both


@pytest.mark.parametrize("issuing", [1, 2])
def test_in_production_only_the_key_that_signs_is_protected(issuing: int) -> None:
    """The other one is to be deleted in the last step, without another command."""
    deployment = deploy("prod", {"certificates": {"ca": {"trusted": [1, 2], "issuing": issuing}}})

    protected = {name for name, key in deployment.of("PrivateKey").items() if key.protect}
    assert protected == {f"ca@{issuing}-key"}


# --- a CA of the user's ----------------------------------------------------------------------


def test_the_users_ca_signs_and_the_stack_makes_none_of_its_own() -> None:
    deployment = deploy("dev", theirs())

    assert not deployment.of("CertificateAuthority")
    for certificate in deployment.of("LocallySignedCert").values():
        assert certificate.inputs["caCertPem"] == ROOT.pem
        assert certificate.inputs["caPrivateKeyPem"] == Secret(ROOT.key_pem)
    assert deployment.exports["endpoint"]["caCertificatesPem"] == ROOT.pem
    assert volume(deployment, "ca.crt") == ROOT.pem


def test_its_key_is_a_secret_from_the_line_that_reads_it() -> None:
    """Not only because the SDK marks the field of a certificate that takes it."""

    def program() -> None:
        certs = StackSettings.load().certificates
        pulumi.export("key", identities._issuer(certs, {}).private_key_pem)

    assert run(program, config=config_of("dev", theirs())).exports == {"key": Secret(ROOT.key_pem)}


def test_its_key_goes_nowhere_but_into_signatures() -> None:
    deployment = deploy("dev", {**TWO, **theirs()})

    assert places_of(deployment, body(ROOT.key_pem)) == {
        f"{name}.caPrivateKeyPem" for name in deployment.of("LocallySignedCert")
    }


def test_no_key_of_any_generation_is_anywhere_in_plain_text() -> None:
    deployment = deploy("dev", {**TWO, **ROLL})
    keys = [body(private_key_pem(name)) for name in deployment.of("PrivateKey")]

    assert len(keys) == 5
    assert not [
        place
        for place, text, secret in everything_said(deployment)
        if not secret and any(key in reading for reading in readings(text) for key in keys)
    ]


def test_an_intermediate_signs_alone_and_is_trusted_with_its_root() -> None:
    deployment = deploy("dev", theirs(MIDDLE, MIDDLE.pem + ROOT.pem))

    for certificate in deployment.of("LocallySignedCert").values():
        assert certificate.inputs["caCertPem"] == MIDDLE.pem
    assert volume(deployment, "ca.crt") == MIDDLE.pem + ROOT.pem


@pytest.mark.parametrize("intermediates", [1, 2])
def test_nginx_follows_a_chain_as_long_as_the_stack_file_may_bring(intermediates: int) -> None:
    """`ssl_verify_depth` counts the CAs between a client's certificate and the root."""
    chain = [MIDDLE, ROOT]
    while len(chain) < intermediates + 1:
        chain.insert(0, make_ca(f"Number {len(chain)}", issuer=chain[0]))

    deployment = deploy("dev", theirs(chain[0], "".join(ca.pem for ca in chain)))

    (depth,) = only(servers(configuration(deployment))[0], "ssl_verify_depth")
    assert int(depth) >= intermediates


def test_the_trust_bundle_is_the_stacks_own_then_the_one_that_signs_then_the_others() -> None:
    text = f"subject=Other\n{OTHER.pem.strip()}"
    deployment = deploy("dev", theirs(ca={"trusted": [1]}, alsoTrust=[text]))

    assert volume(deployment, "ca.crt") == (
        certificate_pem("ca@1-certificate") + ROOT.pem + OTHER.pem
    )


def test_a_stack_that_only_trusts_another_ca_still_signs_itself() -> None:
    deployment = deploy("dev", {"certificates": {"alsoTrust": [ROOT.pem]}})

    assert deployment["server-certificate"].inputs["caPrivateKeyPem"] == Secret(
        private_key_pem("ca@1-key")
    )
    assert volume(deployment, "ca.crt") == certificate_pem("ca@1-certificate") + ROOT.pem


def test_nothing_is_protected_that_the_stack_does_not_have() -> None:
    deployment = deploy("prod", theirs(ca={"trusted": [1]}))

    assert not [name for name, key in deployment.of("PrivateKey").items() if key.protect]


# --- the last deployment ---------------------------------------------------------------------


@pytest.mark.parametrize("preview", [False, True])
def test_the_stack_reads_what_it_said_itself_and_nothing_else(preview: bool) -> None:
    name = "organization/mtls-model-endpoint/dev"

    assert deploy("dev", preview=preview).reads == [(READ_OUTPUTS, {"name": name})]


def test_without_tls_there_is_nothing_to_read() -> None:
    assert deploy("dev", {"tls": "none"}).reads == []


def records_of(overrides: dict[str, Any]) -> list[dict[str, Any]]:
    exported: list[dict[str, Any]] = deploy("dev", overrides).exports["certificates"]
    return exported


def renumbered(records: list[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    """As if all certificates of a role had been other ones for the same keys."""
    return [
        {**r, "serialNumber": f"0{i}", "fingerprintSha1": f"{i:040x}"} if r["role"] == role else r
        for i, r in enumerate(records)
    ]


def test_nothing_new_is_nothing_new_the_second_time() -> None:
    first = deploy("dev")
    second = deploy("dev", previous=first.exports["certificates"])

    assert second.exports["certificates"] == first.exports["certificates"]
    assert configuration(second) == configuration(first)


def test_a_certificate_that_a_client_still_holds_is_let_in_after_its_renewal() -> None:
    previous = renumbered(records_of(TWO), "client")

    deployment = deploy("dev", TWO, previous=previous)

    assert map_of(configuration(deployment), "$client_name") == {
        "default": "",
        listed("client-alice@1-certificate"): "alice",
        listed("client-alice@2-certificate"): "alice",
        f"02/{2:040x}": "alice",
        f"03/{3:040x}": "alice",
    }
    assert map_of(configuration(deployment), "$revoked_client") == {"default": ""}
    carried = deployment.exports["certificates"][-2:]
    assert [(r["serialNumber"], r["status"]) for r in carried] == [
        ("02", "renewed"),
        ("03", "renewed"),
    ]


def test_a_client_and_a_generation_that_are_taken_out_are_known_as_revoked() -> None:
    previous = records_of({"clients": [{"name": "alice", "generations": [1, 2]}, {"name": "bob"}]})

    deployment = deploy(
        "dev", {"clients": [{"name": "alice", "generations": [2]}]}, previous=previous
    )

    text = configuration(deployment)
    assert map_of(text, "$client_name") == {
        "default": "",
        listed("client-alice@2-certificate"): "alice",
    }
    assert map_of(text, "$revoked_client") == {
        "default": "",
        listed("client-alice@1-certificate"): "alice",
        listed("client-bob@1-certificate"): "bob",
    }


@pytest.mark.parametrize("overrides", [ROLL, theirs(), {"certificates": {"ca": {"trusted": [2]}}}])
def test_a_jump_to_another_ca_is_refused_before_the_endpoint_is_touched(
    overrides: dict[str, Any],
) -> None:
    deployment = failed(overrides, records_of({}))

    assert isinstance(deployment.error, ContinuityError)
    assert "see 'Replace the CA' in docs/operations.md" in str(deployment.error)
    assert "endpoint-group" not in deployment.names
    assert not deployment.registered_outputs.get(
        next(r.urn for r in deployment.resources if not r.parent)
    ), "the last good records would be overwritten"


def test_a_preview_refuses_a_jump_too() -> None:
    deployment = failed(ROLL, records_of({}), preview=True)

    assert str(deployment.error).startswith("ca@2 is to sign")


def test_a_stack_that_had_no_tls_may_begin_with_any_ca() -> None:
    """It has no records, and its CA went with them."""
    records = deploy("dev", {"tls": "none"}).exports["certificates"]

    for overrides in (ROLL, theirs(), {"certificates": {"ca": {"trusted": [2]}}}):
        deploy("dev", overrides, previous=records)


def test_the_three_steps_to_the_users_ca_are_taken() -> None:
    steps: list[dict[str, Any]] = [
        {},
        {"certificates": {"alsoTrust": [ROOT.pem]}},
        theirs(ca={"trusted": [1]}),
        theirs(),
    ]
    previous: list[dict[str, Any]] | None = None

    for step in steps:
        previous = deploy("dev", step, previous=previous).exports["certificates"]

    (ca,) = (r for r in previous or [] if r["role"] == "ca")
    assert (ca["name"], ca["status"]) == ("Theirs", "issuing")
