"""The tls stand-in behaves as the real plugin was seen to behave."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from common.refusal import Refusal
from localcloud.plugins.base import Secret
from localcloud.plugins.tls import Tls

KEY, REQUEST = "tls:index/privateKey:PrivateKey", "tls:index/certRequest:CertRequest"
SELF, SIGNED = (
    "tls:index/selfSignedCert:SelfSignedCert",
    "tls:index/locallySignedCert:LocallySignedCert",
)

Properties = dict[str, Any]


def urn(token: str) -> str:
    return f"urn:pulumi:test::p::{token}::x"


def make(token: str, **inputs: Any) -> tuple[str, Properties]:
    """Create a resource; returns its id and its outputs as the engine keeps them."""
    plugin = Tls()
    id_, outputs = plugin.create(urn(token), plugin.check(urn(token), {}, inputs))
    return id_, plain(outputs)


def plain(outputs: Properties) -> Properties:
    return {k: v.value if isinstance(v, Secret) else v for k, v in outputs.items()}


def key(**inputs: Any) -> str:
    inputs = inputs or {"algorithm": "ECDSA", "ecdsaCurve": "P256"}
    return str(make(KEY, **inputs)[1]["privateKeyPem"])


def authority(private_key: str, **more: Any) -> tuple[str, Properties]:
    return make(
        SELF,
        privateKeyPem=private_key,
        subject={"commonName": "ca"},
        isCaCertificate=True,
        allowedUses=["cert_signing", "crl_signing"],
        validityPeriodHours=48,
        **more,
    )


def leaf(ca: Properties, ca_key: str, **more: Any) -> tuple[str, Properties]:
    request = make(REQUEST, privateKeyPem=key(), subject={"commonName": "leaf"})[1]
    inputs = {
        "certRequestPem": request["certRequestPem"],
        "caCertPem": ca["certPem"],
        "caPrivateKeyPem": ca_key,
        "allowedUses": ["digital_signature", "client_auth"],
        "validityPeriodHours": 24,
    }
    return make(SIGNED, **{**inputs, **more})


def load(outputs: Properties) -> x509.Certificate:
    return x509.load_pem_x509_certificate(outputs["certPem"].encode())


def test_an_id_is_the_serial_number_in_decimal() -> None:
    ca_key = key()
    ca_id, ca = authority(ca_key)
    leaf_id, signed = leaf(ca, ca_key)

    assert ca_id == str(load(ca).serial_number)
    assert leaf_id == str(load(signed).serial_number)
    assert load(signed).serial_number.bit_length() <= 128


def test_a_ca_is_one_and_its_path_length_of_zero_is_lost() -> None:
    certificate = load(authority(key(), maxPathLength=0, setAuthorityKeyId=True)[1])
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)

    assert (constraints.critical, constraints.value.ca) == (True, True)
    assert constraints.value.path_length is None
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_a_leaf_is_no_ca_and_has_a_subject_key_id_only_if_asked() -> None:
    ca_key = key()
    ca = authority(ca_key)[1]
    plain_leaf, with_ski = (
        load(leaf(ca, ca_key)[1]),
        load(leaf(ca, ca_key, setSubjectKeyId=True)[1]),
    )
    usage = plain_leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)

    constraints = plain_leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    assert not usage.critical
    assert plain_leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    with pytest.raises(x509.ExtensionNotFound):
        plain_leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert with_ski.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


@pytest.mark.parametrize(
    ("inputs", "kind", "size"),
    [
        ({"algorithm": "ECDSA"}, ec.EllipticCurvePrivateKey, 224),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P384"}, ec.EllipticCurvePrivateKey, 384),
        ({"algorithm": "RSA"}, rsa.RSAPrivateKey, 2048),
        ({"algorithm": "RSA", "rsaBits": 3072}, rsa.RSAPrivateKey, 3072),
    ],
)
def test_keys_are_of_the_kind_that_was_asked_for(inputs: Properties, kind: type, size: int) -> None:
    made = load_pem_private_key(key(**inputs).encode(), None)

    assert isinstance(made, kind)
    assert getattr(made, "key_size", None) == size


def test_private_keys_are_secret_and_certificates_are_not() -> None:
    plugin = Tls()
    inputs = plugin.check(urn(KEY), {}, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})
    created = plugin.create(urn(KEY), inputs)[1]
    read = plugin.read(urn(KEY), "x", inputs, plain(created)) or {}

    for outputs in (created, read):
        assert isinstance(outputs["privateKeyPem"], Secret)
        assert isinstance(outputs["privateKeyPemPkcs8"], Secret)
        assert isinstance(outputs["publicKeyPem"], str)


def aged(state: Properties, hours_left: float) -> Properties:
    end = datetime.now(UTC) + timedelta(hours=hours_left)
    return {**state, "validityEndTime": end.isoformat()}


@pytest.mark.parametrize(
    ("hours_left", "window", "renewed"),
    [(24.1, 24, False), (12, 24, True), (-1, 0, True), (1, 0, False)],
)
def test_a_certificate_inside_its_window_is_replaced_and_no_other(
    hours_left: float, window: int, renewed: bool
) -> None:
    ca = authority(key(), earlyRenewalHours=window)[1]
    inputs = Tls().check(urn(SELF), {}, {"allowedUses": [], "earlyRenewalHours": window})

    diff = Tls().diff(urn(SELF), inputs, inputs, aged(ca, hours_left))

    assert (diff.replaces == ("readyForRenewal",)) is renewed
    assert bool(diff.changed) is renewed
    refreshed = Tls().read(urn(SELF), "x", inputs, aged(ca, hours_left)) or {}
    assert refreshed["readyForRenewal"] is renewed


def test_only_the_window_changes_in_place_and_keeps_the_certificate() -> None:
    ca = authority(key())[1]
    old = {"allowedUses": [], "earlyRenewalHours": 0, "validityPeriodHours": 48}

    window = Tls().diff(urn(SELF), old, {**old, "earlyRenewalHours": 1}, ca)
    validity = Tls().diff(urn(SELF), old, {**old, "validityPeriodHours": 49}, ca)
    updated = Tls().update(urn(SELF), "x", {**old, "earlyRenewalHours": 1}, ca)

    assert (window.changed, window.replaces) == (("earlyRenewalHours",), ())
    assert validity.replaces == ("validityPeriodHours",)
    assert updated["certPem"] == ca["certPem"]


def test_an_unknown_use_is_refused_with_those_that_are_permitted() -> None:
    with pytest.raises(Refusal, match=r"'client' is not one of any_extended, .*client_auth"):
        Tls().check(urn(SELF), {}, {"allowedUses": ["client"]})


def test_a_renewed_ca_verifies_what_the_old_one_signed_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    ca_key = key()
    old, new = authority(ca_key)[1], authority(ca_key)[1]
    leaves = [leaf(ca, ca_key)[1] for ca in (old, new)]

    for ca in (old, new):
        (tmp_path / "ca.pem").write_text(ca["certPem"])
        for signed in leaves:
            (tmp_path / "leaf.pem").write_text(signed["certPem"])
            command = ["openssl", "verify", "-x509_strict", "-CAfile"]
            files = [str(tmp_path / "ca.pem"), str(tmp_path / "leaf.pem")]
            checked = subprocess.run([*command, *files], capture_output=True, check=False)
            assert checked.returncode == 0, checked.stderr
