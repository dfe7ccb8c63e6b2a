"""Where private keys and tokens are, and that they are marked secret everywhere they are.

The mocks mark nothing secret, so every mark seen here was set by a component.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pytest

from components import certificates, nginx_example
from tests.unit.plugins import certificate_pem, private_key_pem
from tests.unit.program import PUSH_TOKEN, STACKS, Deployment, deploy, run
from tests.unit.properties import Secret, plain, strings
from tests.unit.test_resources import ECDSA_FOR_TWO_DAYS

READER = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
VARIANTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "local": ("local", {}),
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "RSA": ("dev", {"certificates": {"keyAlgorithm": "RSA-2048"}}),
    "readers": ("dev", {"clients": [{"name": "alice", "readers": [READER]}, {"name": "bob"}]}),
    "own names": ("prod", {"serverNames": ["model.example.com"], "tags": {"team": "a"}}),
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def deployed(variant: str, *, preview: bool = False) -> Deployment:
    stack, overrides = VARIANTS[variant]
    return deploy(stack, overrides, preview=preview)


def everything_said(deployment: Deployment) -> Iterator[tuple[str, str, bool]]:
    """Every string that leaves the program: where it goes, what it is, whether it is secret.

    Children's inputs, what components register, and the stack's exports; not what plugins answer.
    """
    for resource in deployment.resources:
        yield from strings(resource.inputs, resource.name)
    for urn, outputs in deployment.registered_outputs.items():
        yield from strings(outputs, f"outputs of {urn.split('::')[3]}")


def readings(text: str) -> Iterator[str]:
    """A text, and what it says in base64, however often that was applied."""
    yield text
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    if decoded:
        yield from readings(decoded)


def body(pem_text: str) -> str:
    return pem_text.splitlines()[1]


def places_of(deployment: Deployment, needle: str) -> set[str]:
    return {
        place
        for place, text, _ in everything_said(deployment)
        if any(needle in reading for reading in readings(text))
    }


@variants
def test_what_the_plugins_answer_is_not_secret_by_itself(variant: str) -> None:
    keys = deployed(variant).of("PrivateKey")

    assert {name: key.outputs["privateKeyPem"] for name, key in keys.items()} == {
        name: private_key_pem(name) for name in keys
    }


@variants
def test_no_private_key_is_anywhere_in_plain_text(variant: str) -> None:
    deployment = deployed(variant)
    needles = ["PRIVATE KEY", *(body(private_key_pem(n)) for n in deployment.of("PrivateKey"))]
    # The example's key is for nobody: everybody can compute it.
    example = nginx_example.volume()

    leaks = [
        place
        for place, text, secret in everything_said(deployment)
        if text != example
        if not secret and any(n in reading for reading in readings(text) for n in needles)
    ]

    assert leaks == []


@variants
def test_the_cas_key_goes_nowhere_but_into_signatures(variant: str) -> None:
    deployment = deployed(variant)

    assert places_of(deployment, body(private_key_pem("ca@1-key"))) == {
        "ca@1-certificate.privateKeyPem",
        *(f"{name}.caPrivateKeyPem" for name in deployment.of("LocallySignedCert")),
    }


@variants
def test_the_servers_key_goes_nowhere_but_into_the_sidecars_volume(variant: str) -> None:
    assert places_of(deployed(variant), body(private_key_pem("server-key"))) == {
        "server-request.privateKeyPem",
        "outputs of server.privateKeyPem",
        "endpoint-group.volumes[].secret.server.key",
    }


@variants
def test_a_clients_key_goes_nowhere_but_into_the_secret_output_and_its_own_secret(
    variant: str,
) -> None:
    deployment = deployed(variant)
    exports = f"outputs of mtls-model-endpoint-{VARIANTS[variant][0]}"

    for client in deployment.of("ClientCertificate"):
        assert places_of(deployment, body(private_key_pem(f"{client}-key"))) == {
            f"{client}-request.privateKeyPem",
            f"outputs of {client}.privateKeyPem",
            f"{exports}.clientCertificates.{client[7:-2]}.privateKeyPem",
            *(
                f"{name}.properties.value"
                for name in deployment.of("Secret")
                if name == f"client-vault-secret-{client[7:-2]}"
            ),
        }


@variants
@pytest.mark.parametrize("preview", [False, True])
def test_every_field_for_a_private_key_is_secret_even_while_it_is_unknown(
    variant: str, preview: bool
) -> None:
    deployment = deployed(variant, preview=preview)
    fields = {
        f"{resource.name}.{key}": value
        for resource in deployment.resources
        for key, value in (
            *resource.inputs.items(),
            *deployment.registered_outputs.get(resource.urn, {}).items(),
        )
        if "rivateKey" in key
    }

    # One for the CA; three for each leaf: its request, its signature, its component's output.
    assert len(fields) == 1 + 3 * len(deployment.of("LocallySignedCert"))
    assert [name for name, value in fields.items() if not isinstance(value, Secret)] == []


def test_a_component_hands_its_private_key_out_as_a_secret() -> None:
    """For users of it alone: the SDK marks the fields that are meant for keys by itself."""

    def program() -> None:
        ca = certificates.CertificateAuthority(
            "ca",
            certificates.CertificateAuthorityArgs(common_name="CA", **ECDSA_FOR_TWO_DAYS),
        )
        issuer = certificates.Issuer(
            certificate_pem=ca.certificate_pem, private_key_pem=ca.private_key_pem
        )
        leaf = certificates.LeafCertificateArgs(
            issuer=issuer, common_name="leaf", **ECDSA_FOR_TWO_DAYS
        )
        server = certificates.ServerCertificate("server", leaf)
        client = certificates.ClientCertificate("client", leaf)
        pulumi.export("ca", ca.private_key_pem)
        pulumi.export("server", server.private_key_pem)
        pulumi.export("client", client.private_key_pem)

    assert run(program).exports == {
        name: Secret(private_key_pem(f"{name}-key")) for name in ("ca", "server", "client")
    }


@variants
def test_the_volume_holds_these_four_files_and_of_them_the_key_is_secret(variant: str) -> None:
    (volume,) = deployed(variant)["endpoint-group"].inputs["volumes"]
    files = volume["secret"]

    assert set(volume) == {"name", "secret"}
    assert set(files) == {"nginx.conf", "server.crt", "server.key", "ca.crt"}
    assert isinstance(files["server.key"], Secret)
    decoded = {name: base64.b64decode(plain(text)).decode() for name, text in files.items()}
    assert decoded["server.key"] == private_key_pem("server-key")
    assert decoded["server.crt"] == certificate_pem("server-certificate")
    assert decoded["ca.crt"] == certificate_pem("ca@1-certificate")


@variants
def test_the_volume_is_mounted_in_the_sidecar_only_and_on_a_folder_of_its_own(
    variant: str,
) -> None:
    inputs = deployed(variant)["endpoint-group"].inputs
    (volume,) = inputs["volumes"]

    mounts = {c["name"]: c.get("volumeMounts", []) for c in inputs["containers"]}
    assert mounts["model"] == []
    assert mounts["sidecar"] == [
        {"name": volume["name"], "mountPath": "/etc/nginx-sidecar", "readOnly": True}
    ]


@variants
@pytest.mark.parametrize("preview", [False, True])
def test_client_certificates_are_secret_as_a_whole_and_no_other_export_is(
    variant: str, preview: bool
) -> None:
    exports = deployed(variant, preview=preview).exports

    assert [name for name, value in exports.items() if isinstance(value, Secret)] == [
        "clientCertificates"
    ]
    others = {name: value for name, value in exports.items() if name != "clientCertificates"}
    assert not any(secret for _, _, secret in strings(others))


@variants
def test_the_push_token_goes_nowhere_but_to_the_push(variant: str) -> None:
    deployment = deployed(variant)

    assert places_of(deployment, PUSH_TOKEN) == {
        "model-image-build.registry.password",
        "sidecar-image-build.registry.password",
    }
    assert places_of(deployment, "Azure token") == set()


@pytest.mark.parametrize("stack", STACKS)
def test_containers_are_handed_nothing_secret_but_by_the_volume(stack: str) -> None:
    inputs = deploy(stack)["endpoint-group"].inputs
    secret_places = {place for place, _, secret in strings(inputs) if secret}

    assert secret_places == {".volumes[].secret.server.key"}
