"""What a change of a key, a request or a certificate does, and the traps that are kept."""

from __future__ import annotations

import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from localcloud.plugins.base import Secret
from localcloud.plugins.tls import Tls
from tests.localcloud.arm import Properties, urn

KEY, REQUEST = "tls:index/privateKey:PrivateKey", "tls:index/certRequest:CertRequest"
CA = "tls:index/selfSignedCert:SelfSignedCert"
LEAF = "tls:index/locallySignedCert:LocallySignedCert"


def make(token: str, **inputs: Any) -> Properties:
    outputs = Tls().create(urn(token), Tls().check(urn(token), {}, inputs))[1]
    return {k: v.value if isinstance(v, Secret) else v for k, v in outputs.items()}


def key(**inputs: Any) -> Properties:
    return make(KEY, **(inputs or {"algorithm": "ECDSA", "ecdsaCurve": "P256"}))


def ca(**changes: Any) -> Properties:
    inputs = {
        "privateKeyPem": key()["privateKeyPem"],
        "subject": {"commonName": "ca"},
        "isCaCertificate": True,
        "allowedUses": ["cert_signing"],
        "validityPeriodHours": 48,
    }
    return make(CA, **{**inputs, **changes})


def leaf_of(authority: Properties, **request: Any) -> Properties:
    asked = make(REQUEST, privateKeyPem=key()["privateKeyPem"], **request)
    return make(
        LEAF,
        certRequestPem=asked["certRequestPem"],
        caCertPem=authority["certPem"],
        caPrivateKeyPem=authority["privateKeyPem"],
        allowedUses=["digital_signature", "client_auth"],
        validityPeriodHours=24,
    )


def lasting(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(
    ("token", "name", "before", "after"),
    [
        (KEY, "algorithm", "ECDSA", "RSA"),
        (KEY, "ecdsaCurve", "P256", "P384"),
        (REQUEST, "dnsNames", ["a.example"], ["a.example", "b.example"]),
        (REQUEST, "subject", {"commonName": "a"}, {"commonName": "b"}),
        (REQUEST, "privateKeyPem", "a", "b"),
        (LEAF, "validityPeriodHours", 24, 25),
        (LEAF, "allowedUses", ["a", "b"], ["b", "a"]),
        (LEAF, "certRequestPem", "a", "b"),
        (LEAF, "caCertPem", "a", "b"),
        (LEAF, "caPrivateKeyPem", "a", "b"),
        (LEAF, "setSubjectKeyId", False, True),
        (CA, "subject", {"commonName": "a"}, {"commonName": "b"}),
        (CA, "validityPeriodHours", 48, 49),
        (CA, "maxPathLength", 0, 1),
        (CA, "privateKeyPem", "a", "b"),
    ],
)
def test_a_change_replaces(token: str, name: str, before: Any, after: Any) -> None:
    state = {"validityEndTime": lasting(24)}

    diff = Tls().diff(urn(token), {name: before}, {name: after}, state)

    assert diff.changed == diff.replaces == (name,)


def test_a_wider_window_that_is_already_open_replaces() -> None:
    state = {"validityEndTime": lasting(24)}
    old, new = {"earlyRenewalHours": 1}, {"earlyRenewalHours": 25}

    assert Tls().diff(urn(LEAF), old, new, state).replaces == ("readyForRenewal",)


@pytest.mark.parametrize(("validity", "early"), [(48, 48), (48, 60), (0, 0)])
def test_a_window_as_long_as_the_validity_replaces_at_every_run(validity: int, early: int) -> None:
    for _ in range(2):
        made = ca(validityPeriodHours=validity, earlyRenewalHours=early)
        inputs = {"earlyRenewalHours": early}
        assert Tls().diff(urn(CA), inputs, inputs, made).replaces == ("readyForRenewal",)


def test_a_leaf_that_outlives_its_ca_is_issued_all_the_same() -> None:
    authority = ca(validityPeriodHours=1)
    certificate = x509.load_pem_x509_certificate(leaf_of(authority)["certPem"].encode())

    assert certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(hours=23)


def test_an_update_of_the_window_keeps_the_certificate_and_its_keys_secret() -> None:
    authority = ca()

    updated = Tls().update(urn(CA), "x", {"earlyRenewalHours": 7}, authority)

    assert updated["certPem"] == authority["certPem"]
    assert updated["earlyRenewalHours"] == 7
    assert updated["privateKeyPem"] == Secret(authority["privateKeyPem"])


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "EC PRIVATE KEY"),
        ({"algorithm": "RSA"}, "RSA PRIVATE KEY"),
        ({"algorithm": "ED25519"}, "PRIVATE KEY"),
    ],
)
def test_one_key_is_written_in_three_ways(inputs: Properties, kind: str) -> None:
    made = key(**inputs)

    assert made["privateKeyPem"].startswith(f"-----BEGIN {kind}-----\n")
    assert made["privateKeyPemPkcs8"].startswith(f"-----BEGIN {'PRIVATE KEY'}-----\n")
    one = load_pem_private_key(made["privateKeyPem"].encode(), None)
    other = load_pem_private_key(made["privateKeyPemPkcs8"].encode(), None)
    ssh = load_ssh_private_key(made["privateKeyOpenssh"].encode(), None)
    assert one.public_key() == other.public_key() == ssh.public_key()


def test_a_key_that_openssh_does_not_know_is_not_written_for_it() -> None:
    made = key(algorithm="ECDSA")

    assert made["privateKeyOpenssh"] == made["publicKeyOpenssh"] == ""


def test_every_key_in_an_output_is_secret_wherever_it_came_from() -> None:
    authority = ca()
    asked = {"privateKeyPem": key()["privateKeyPem"]}
    request = Tls().create(urn(REQUEST), asked)[1]
    signed = {
        "certRequestPem": request["certRequestPem"],
        "caCertPem": authority["certPem"],
        "caPrivateKeyPem": authority["privateKeyPem"],
        "allowedUses": [],
        "validityPeriodHours": 1,
    }
    leaf = Tls().create(urn(LEAF), signed)[1]
    private = Tls().create(urn(KEY), {"algorithm": "ED25519"})[1]

    for outputs in (request, leaf, private):
        for name, value in outputs.items():
            assert isinstance(value, Secret) is ("rivateKey" in name), name


def test_a_certificate_has_every_alternative_name_of_its_request() -> None:
    certificate = x509.load_pem_x509_certificate(
        leaf_of(
            ca(),
            dnsNames=["a.example"],
            ipAddresses=["127.0.0.1", "::1"],
            uris=["https://a.example/b"],
        )["certPem"].encode()
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert list(names) == [
        x509.DNSName("a.example"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.UniformResourceIdentifier("https://a.example/b"),
    ]


def test_a_request_without_a_subject_and_uses_is_signed() -> None:
    certificate = x509.load_pem_x509_certificate(leaf_of(ca())["certPem"].encode())

    assert list(certificate.subject) == []


@pytest.mark.parametrize(("given", "written"), [(0, "CA:TRUE\n"), (1, "CA:TRUE, pathlen:1\n")])
def test_openssl_reads_the_profile_as_the_real_plugin_writes_it(
    tmp_path: Path, given: int, written: str
) -> None:
    (tmp_path / "ca.pem").write_text(ca(maxPathLength=given, setAuthorityKeyId=True)["certPem"])
    command = ["openssl", "x509", "-noout", "-text", "-in", str(tmp_path / "ca.pem")]

    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert f"Basic Constraints: critical\n                {written}" in text
    assert "Key Usage: critical\n                Certificate Sign\n" in text
    assert "Subject Key Identifier" in text
    assert "Authority Key Identifier" in text


def test_two_certificates_share_a_name_and_a_key_but_no_serial_number() -> None:
    private = key()["privateKeyPem"]
    old, new = ca(privateKeyPem=private), ca(privateKeyPem=private)
    certificates = [x509.load_pem_x509_certificate(made["certPem"].encode()) for made in (old, new)]

    assert certificates[0].serial_number != certificates[1].serial_number
    assert certificates[0].public_key() == certificates[1].public_key()
