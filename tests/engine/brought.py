"""CAs of the user's own, for the stack file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Brought:
    """A CA of the user's own."""

    pem: str
    key_pem: str

    @property
    def public(self) -> dict[str, str]:
        """What of it stands in the stack file for everybody to read."""
        return {"certificatePem": self.pem}


def secrets(ca: Brought | None) -> dict[str, str]:
    return {"certificates.authority.privateKeyPem": ca.key_pem} if ca else {}


def brought(name: str, days: float = 1000, *, key_of: Brought | None = None) -> Brought:
    """A new CA, or another certificate for the key of one."""
    key = ec.generate_private_key(ec.SECP256R1())
    if key_of:
        loaded = serialization.load_pem_private_key(key_of.key_pem.encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        key = loaded
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Brought(
        certificate.public_bytes(pem).decode(),
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
