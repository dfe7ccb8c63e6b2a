"""A client's key and certificate, checked: do they belong together, and to the endpoint's CA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from clients.contract import Endpoint, Issued
from common.refusal import Refusal

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
WARN_DAYS = 30
_DEPLOY_AGAIN = "deploy the stack with `pulumi up` and read its outputs again"


@dataclass(frozen=True)
class Identity:
    """What proves to the endpoint who calls, and what proves to the client whom it calls."""

    client: str
    key: PrivateKey
    certificate: x509.Certificate
    authorities: list[x509.Certificate]

    @classmethod
    def checked(cls, client: str, issued: Issued, endpoint: Endpoint) -> Identity:
        """Parse all three and hold them against each other.

        Raises:
            Refusal: if something cannot be read, the key is another certificate's, or none of
                the endpoint's CAs signed the certificate.
        """
        certificate = _certificates(issued.certificate_pem, f"the certificate of {client}")[0]
        authorities = _certificates(endpoint.ca_certificates_pem, "endpoint.caCertificatesPem")
        key = _key(issued.private_key_pem, client)
        if _spki(key.public_key()) != _spki(certificate.public_key()):
            raise Refusal(
                f"the private key of {client} does not belong to its certificate; {_DEPLOY_AGAIN}"
            )
        if not any(_has_signed(authority, certificate) for authority in authorities):
            raise Refusal(
                f"the certificate of {client} was not signed by a CA of the endpoint; "
                f"{_DEPLOY_AGAIN}"
            )
        return cls(client, key, certificate, authorities)

    def warning(self, now: datetime | None = None) -> str | None:
        """What to know about the time that is left, if it is little."""
        now = now or datetime.now(UTC)
        end = self.certificate.not_valid_after_utc
        if end <= now:
            return (
                f"the certificate of {self.client} expired on {end:%Y-%m-%d}: the endpoint "
                "refuses it; deploy the stack with `pulumi up`, which renews it, and make the "
                "bundle again"
            )
        days = math.floor((end - now).total_seconds() / 86400)
        if days >= WARN_DAYS:
            return None
        return (
            f"the certificate of {self.client} ends in {days} {'day' if days == 1 else 'days'}, "
            f"on {end:%Y-%m-%d}; have it renewed by a `pulumi up` before, and make the bundle again"
        )


def _certificates(pem: str, name: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise Refusal(f"{name} is no certificate in PEM form; {_DEPLOY_AGAIN}") from None


def _key(pem: str, client: str) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, PrivateKey):
        # Nothing of what the parser says: it may quote what it could not parse.
        raise Refusal(
            f"the private key of {client} is no unencrypted RSA or EC key in PEM form; "
            f"{_DEPLOY_AGAIN}"
        )
    return key


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
        certificate.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.value.ca
