"""The private PKI: kinds of keys, profiles, validity, and who signs whom with which key."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest

import settings
from components.certificates import serial_number
from tests.unit.plugins import certificate_pem, pem, private_key_pem
from tests.unit.program import STACKS, Deployment, deploy
from tests.unit.properties import Secret

LEAVES = {
    "local": ["server", "client-alice"],
    "dev": ["server", "client-alice", "client-ci-smoke-test"],
    "prod": ["server", "client-billing", "client-web-shop"],
}
VALIDITY_DAYS = {
    "local": {"ca": 3650, "server": 365, "client": 365},
    "dev": {"ca": 365, "server": 90, "client": 30},
    "prod": {"ca": 3650, "server": 365, "client": 180},
}
KINDS: dict[str, dict[str, Any]] = {
    # Without a curve the provider picks P-224, with which no handshake succeeds.
    "ECDSA-P256": {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
    "ECDSA-P384": {"algorithm": "ECDSA", "ecdsaCurve": "P384"},
    "RSA-2048": {"algorithm": "RSA", "rsaBits": 2048},
    "RSA-3072": {"algorithm": "RSA", "rsaBits": 3072},
    "RSA-4096": {"algorithm": "RSA", "rsaBits": 4096},
}


def test_these_are_all_kinds_of_keys_that_a_stack_file_may_ask_for() -> None:
    assert set(KINDS) == set(get_args(settings.KeyAlgorithm))


@pytest.mark.parametrize("name", KINDS)
def test_every_key_of_a_stack_is_of_the_kind_it_asks_for(name: str) -> None:
    deployment = deploy("dev", {"certificates": {"keyAlgorithm": name}})

    keys = deployment.of("PrivateKey")
    assert set(keys) == {"ca-key", *(f"{leaf}-key" for leaf in LEAVES["dev"])}
    assert all(key.inputs == KINDS[name] for key in keys.values())


@pytest.mark.parametrize(
    ("stack", "kind"), [("local", "ECDSA-P256"), ("dev", "ECDSA-P256"), ("prod", "ECDSA-P384")]
)
def test_the_committed_stacks_have_elliptic_keys(stack: str, kind: str) -> None:
    assert all(key.inputs == KINDS[kind] for key in deploy(stack).of("PrivateKey").values())


@pytest.mark.parametrize("stack", STACKS)
def test_the_ca_may_sign_certificates_and_nothing_else(stack: str) -> None:
    (ca,) = deploy(stack).of("SelfSignedCert").values()

    assert ca.inputs == {
        "privateKeyPem": Secret(private_key_pem("ca-key")),
        "subject": {"commonName": "demo CA", "organization": "mtls-model-endpoint"},
        "isCaCertificate": True,
        "setSubjectKeyId": True,
        "setAuthorityKeyId": True,
        "allowedUses": ["cert_signing", "crl_signing"],
        "validityPeriodHours": VALIDITY_DAYS[stack]["ca"] * 24,
    }


@pytest.mark.parametrize("stack", STACKS)
def test_a_leaf_is_signed_by_the_ca_and_good_for_one_thing(stack: str) -> None:
    deployment = deploy(stack)

    certificates = deployment.of("LocallySignedCert")
    assert set(certificates) == {f"{leaf}-certificate" for leaf in LEAVES[stack]}
    for leaf in LEAVES[stack]:
        role = leaf.partition("-")[0]
        assert certificates[f"{leaf}-certificate"].inputs == {
            "certRequestPem": pem("CERTIFICATE REQUEST", f"{leaf}-request"),
            "caCertPem": certificate_pem("ca-certificate"),
            "caPrivateKeyPem": Secret(private_key_pem("ca-key")),
            "allowedUses": ["digital_signature", f"{role}_auth"],
            "setSubjectKeyId": True,
            "validityPeriodHours": VALIDITY_DAYS[stack][role] * 24,
        }


@pytest.mark.parametrize("stack", STACKS)
def test_the_server_is_named_as_clients_call_it(stack: str) -> None:
    request = deploy(stack)["server-request"].inputs

    assert request == {
        "privateKeyPem": Secret(private_key_pem("server-key")),
        "subject": {"commonName": "demo", "organization": "mtls-model-endpoint"},
        "dnsNames": [*(["localhost"] if stack == "local" else []), fqdn(deploy(stack))],
    }


def test_names_of_the_users_own_come_before_azures() -> None:
    deployment = deploy("dev", {"serverNames": ["a.example.com", "b.example.com"]})

    names = deployment["server-request"].inputs["dnsNames"]
    assert names == ["a.example.com", "b.example.com", fqdn(deployment)]


@pytest.mark.parametrize("location", ["westeurope", "West Europe", "westus2"])
def test_the_name_in_the_certificate_is_the_one_that_azure_will_give(location: str) -> None:
    deployment = deploy("dev", {"azure-native:location": location})
    label = deployment["endpoint-group"].inputs["ipAddress"]["dnsNameLabel"]

    region = location.replace(" ", "").lower()
    assert fqdn(deployment) == f"{label}.{region}.azurecontainer.io"
    assert deployment["server-request"].inputs["dnsNames"] == [fqdn(deployment)]


def fqdn(deployment: Deployment) -> str:
    return str(deployment.exports["endpoint"]["fqdn"])


@pytest.mark.parametrize("stack", STACKS)
def test_a_client_is_named_by_its_common_name_alone(stack: str) -> None:
    deployment = deploy(stack)

    for leaf in LEAVES[stack][1:]:
        assert deployment[f"{leaf}-request"].inputs == {
            "privateKeyPem": Secret(private_key_pem(f"{leaf}-key")),
            "subject": {
                "commonName": leaf.removeprefix("client-"),
                "organization": "mtls-model-endpoint",
            },
        }


@pytest.mark.parametrize(
    ("serial", "written"),
    [
        # Numbers of 30, 31 and 32 hexadecimal digits, and with the top bit set.
        (0x1F << 115, "F8" + "0" * 28),
        (0x1F << 119, "0F8" + "0" * 29),
        (0x7F << 121, "FE" + "0" * 30),
        ((1 << 128) - 1, "F" * 32),
        (1 << 127, "8" + "0" * 31),
        (1 << 123, "08" + "0" * 30),
        (0xA, "0A"),
        (0, "00"),
    ],
)
def test_a_serial_number_is_written_as_nginx_writes_it(serial: int, written: str) -> None:
    assert serial_number(str(serial)) == written


def test_every_serial_number_is_whole_bytes_in_upper_case_and_never_longer() -> None:
    numbers = random.Random(4711)  # noqa: S311  the same numbers every time
    lengths = set()
    for bits in range(1, 161):
        for _ in range(20):
            serial = numbers.getrandbits(bits)
            written = serial_number(str(serial))
            assert written == serial.to_bytes(max(1, -(-serial.bit_length() // 8))).hex().upper()
            lengths.add(len(written))
    assert {30, 32} < lengths
    assert 31 not in lengths
