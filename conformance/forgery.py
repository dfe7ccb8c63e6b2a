"""Certificates that nobody would issue, but somebody could make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.peers import Authority, Identity

HOUR = timedelta(hours=1)


def forged(
    issuer: Authority,
    *,
    common_name: str = "alice",
    serial: str | None = None,
    is_ca: bool = False,
    starts_in: timedelta = -HOUR,
    ends_in: timedelta = HOUR,
) -> Authority:
    """A certificate with any serial number, and its key.

    Args:
        issuer: whose key signs it; it need not be allowed to.
        common_name: whom it is for.
        serial: in hexadecimal, a random one unless given.
        is_ca: whether the certificate says that its holder may sign others.
        starts_in: from now until it is valid.
        ends_in: from now until it is no longer.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .serial_number(int(serial, 16) if serial else x509.random_serial_number())
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + ends_in)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.certificate.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return Authority(certificate, key, issuer.folder)


def holder(identity: Identity) -> Authority:
    """A client, as somebody who signs with the key it has."""
    pem = identity.file.read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Authority(x509.load_pem_x509_certificate(pem), key, identity.file.parent)


def shown(leaf: Authority, *others: x509.Certificate) -> Identity:
    """What is held out in the handshake: a certificate with its key, and others after it."""
    pem = serialization.Encoding.PEM
    key = leaf.key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = leaf.folder / f"shown-{x509.random_serial_number():x}.pem"
    file.write_bytes(b"".join(c.public_bytes(pem) for c in (leaf.certificate, *others)) + key)
    return Identity(file)
