"""The private PKI: kinds of keys, profiles, validity, and who signs whom with which key."""

from __future__ import annotations

import hashlib
import random
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from components.certificates import fingerprint_sha1, public_key_sha256, serial_number
from program.settings.certificates import KeyAlgorithm
from tests.unit.cas import make_ca
from tests.unit.plugins import certificate_pem, pem, private_key_pem
from tests.unit.program import STACKS, Deployment, deploy
from tests.unit.properties import Secret

LEAVES = {
    "local": ["server", "client-alice@1"],
    "dev": ["server", "client-alice@1", "client-ci-smoke-test@1"],
    "prod": ["server", "client-billing@1", "client-web-shop@1"],
}
VALIDITY_DAYS = {
    "local": {"ca": 3650, "server": 365, "client": 365},
    "dev": {"ca": 365, "server": 90, "client": 90},
    "prod": {"ca": 3650, "server": 365, "client": 180},
}
# A third of the validity, where the stack file does not say.
RENEWED_DAYS_BEFORE = {
    "local": {"ca": 1216, "server": 121, "client": 121},
    "dev": {"ca": 121, "server": 30, "client": 30},
    "prod": {"ca": 1216, "server": 121, "client": 60},
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
    assert set(KINDS) == set(get_args(KeyAlgorithm))


@pytest.mark.parametrize("name", KINDS)
def test_every_new_key_of_a_stack_is_of_the_kind_it_asks_for(name: str) -> None:
    deployment = deploy("dev", {"certificates": {"keyAlgorithm": name}})

    keys = deployment.of("PrivateKey")
    assert set(keys) == {"ca@1-key", *(f"{leaf}-key" for leaf in LEAVES["dev"])}
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
        "privateKeyPem": Secret(private_key_pem("ca@1-key")),
        "subject": {"commonName": "demo CA", "organization": "mtls-model-endpoint"},
        "isCaCertificate": True,
        "setSubjectKeyId": True,
        "setAuthorityKeyId": True,
        "allowedUses": ["cert_signing", "crl_signing"],
        "validityPeriodHours": VALIDITY_DAYS[stack]["ca"] * 24,
        "earlyRenewalHours": RENEWED_DAYS_BEFORE[stack]["ca"] * 24,
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
            "caCertPem": certificate_pem("ca@1-certificate"),
            "caPrivateKeyPem": Secret(private_key_pem("ca@1-key")),
            "allowedUses": ["digital_signature", f"{role}_auth"],
            "setSubjectKeyId": True,
            "validityPeriodHours": VALIDITY_DAYS[stack][role] * 24,
            "earlyRenewalHours": RENEWED_DAYS_BEFORE[stack][role] * 24,
        }


KIND_OF_KEY = ["algorithm", "ecdsaCurve", "rsaBits"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_ca_and_a_client_keep_their_kind_of_key_and_the_server_follows_the_stack_file(
    stack: str,
) -> None:
    """Clients hold copies of theirs, and of the CA's certificate; of the server's nobody does."""
    kept = {name: key.ignored_changes for name, key in deploy(stack).of("PrivateKey").items()}

    assert kept.pop("server-key") == []
    names = ["ca@1-key", *(f"{leaf}-key" for leaf in LEAVES[stack][1:])]
    assert kept == dict.fromkeys(names, KIND_OF_KEY)


@pytest.mark.parametrize("stack", STACKS)
def test_a_ca_keeps_its_name_and_nothing_else_of_a_certificate_is_kept(stack: str) -> None:
    deployment = deploy(stack)
    certificates = {**deployment.of("SelfSignedCert"), **deployment.of("LocallySignedCert")}

    kept = {name: c.ignored_changes for name, c in certificates.items() if c.ignored_changes}

    assert kept == {"ca@1-certificate": ["subject"]}
    assert not any(r.ignored_changes for r in deployment.of("CertRequest").values())


@pytest.mark.parametrize("generation", [1, 2, 7])
def test_another_generation_of_the_server_replaces_its_key_and_no_other(generation: int) -> None:
    deployment = deploy("dev", {"certificates": {"serverGeneration": generation}})
    keys = deployment.of("PrivateKey")

    triggers = {name: key.replacement_trigger for name, key in keys.items()}

    assert {name for name, trigger in triggers.items() if trigger} == {"server-key"}
    assert triggers["server-key"] == generation
    assert deployment.names == deploy("dev").names


def test_the_days_of_renewal_are_those_of_the_stack_file() -> None:
    days = {"ca": 366, "server": 20, "client": 10}
    deployment = deploy("dev", {"certificates": {"renewBeforeDays": days}})

    before = {
        r.name: r.inputs["earlyRenewalHours"]
        for r in deployment.resources
        if "earlyRenewalHours" in r.inputs
    }

    assert before == {
        "ca@1-certificate": 366 * 24,
        "server-certificate": 20 * 24,
        "client-alice@1-certificate": 10 * 24,
        "client-ci-smoke-test@1-certificate": 10 * 24,
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


def test_a_name_with_a_hash_is_in_no_certificate_and_in_the_outputs() -> None:
    own = {"serverNames": ["a.example.com", "b.example.com"], "dnsLabelScope": "TenantReuse"}
    deployment = deploy("dev", own)
    address = deployment["endpoint-group"].inputs["ipAddress"]

    assert address["autoGeneratedDomainNameLabelScope"] == "TenantReuse"
    assert deployment["server-request"].inputs["dnsNames"] == ["a.example.com", "b.example.com"]
    assert fqdn(deployment) == f"{address['dnsNameLabel']}.0hash.westeurope.azurecontainer.io"
    assert deployment.exports["endpoint"]["serverName"] == "a.example.com"


def fqdn(deployment: Deployment) -> str:
    return str(deployment.exports["endpoint"]["fqdn"])


@pytest.mark.parametrize("stack", STACKS)
def test_a_client_is_named_by_its_common_name_alone(stack: str) -> None:
    deployment = deploy(stack)

    for leaf in LEAVES[stack][1:]:
        assert deployment[f"{leaf}-request"].inputs == {
            "privateKeyPem": Secret(private_key_pem(f"{leaf}-key")),
            "subject": {
                "commonName": leaf.removeprefix("client-").partition("@")[0],
                "organization": "mtls-model-endpoint",
            },
        }


def test_a_public_key_is_named_by_what_others_pin() -> None:
    """As `openssl pkey -pubin -outform DER | openssl dgst -sha256` says."""
    key = ec.derive_private_key(4711, ec.SECP256R1()).public_key()
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    written = public_key_sha256(key.public_bytes(*form).decode())

    assert written == hashlib.sha256(der).hexdigest()
    assert public_key_sha256(key.public_bytes(*form).decode().replace("\n", "\r\n")) == written


def test_a_certificate_is_named_by_what_nginx_makes_of_it() -> None:
    """As `openssl x509 -fingerprint -sha1` says, without the colons."""
    ca = make_ca("Theirs")
    sha1 = ca.certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303  nginx knows no other

    assert fingerprint_sha1(ca.pem) == sha1
    assert fingerprint_sha1(ca.pem.replace("\n", "\r\n")) == sha1


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
