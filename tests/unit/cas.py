"""CAs of a user's own, made on the spot: good ones, and bad ones in every way."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Ca:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def public(self) -> dict[str, str]:
        """What of it stands in the stack file for everybody to read."""
        return {"certificatePem": self.pem}

    @property
    def key_pem(self) -> str:
        return self._key(NoEncryption())

    @property
    def encrypted_key_pem(self) -> str:
        return self._key(BestAvailableEncryption(b"open sesame"))

    @property
    def name(self) -> str:
        return self.certificate.subject.rfc4514_string()

    def _key(self, encryption: KeySerializationEncryption) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def make_ca(
    name: str = "Example CA",
    *,
    issuer: Ca | None = None,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    starts: float = -1,
    ends: float = 3650,
    is_ca: bool = True,
    path_length: int | None = None,
    may_sign: bool | None = True,
    uses: Sequence[x509.ObjectIdentifier] = (),
    demands: str | None = None,
) -> Ca:
    """Makes a CA, self-signed unless it has an issuer; or a leaf, with is_ca and may_sign False.

    Args:
        name: its common name.
        issuer: who signs it.
        key: a new P-256 key unless given.
        starts: in how many days it begins to be valid.
        ends: in how many days it ends.
        is_ca: what the basic constraints say.
        path_length: what they say of the CAs below it; None leaves it out.
        may_sign: whether the key usage has keyCertSign; None leaves the key usage out.
        uses: its extended key usage; none leaves it out.
        demands: object identifier of a critical extension that nobody knows.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
    )
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(own, critical=False)
    if may_sign is not None:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=may_sign,
            crl_sign=may_sign,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if demands:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(demands), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    signing = issuer.key if issuer else key
    digest = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Ca(builder.sign(signing, digest), key)


_P256 = bytes.fromhex("06082a8648ce3d030107")
_SM2 = bytes.fromhex("06082a811ccf5501822d")


def on_an_unknown_curve(pem: str) -> str:
    """What is on P-256, as if it were on a curve that exists and that nobody here knows."""
    first, *body, last = pem.splitlines()
    der = base64.b64decode("".join(body))
    assert _P256 in der
    text = base64.b64encode(der.replace(_P256, _SM2)).decode()
    return "\n".join([first, *textwrap.wrap(text, 64), last, ""])


def with_its_curve(ca: Ca) -> str:
    """A key on P-256 as `openssl ecparam -name prime256v1 -genkey` writes it."""
    key = ca.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parameters = base64.b64encode(_P256).decode()
    return (
        f"-----BEGIN EC PARAMETERS-----\n{parameters}\n-----END EC PARAMETERS-----\n{key.decode()}"
    )
