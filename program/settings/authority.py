"""A CA that the user brings: is it one, and may it sign what this stack needs signed?

Everything is checked before anything is created: an engine would only say so in the middle of a
deployment, and nginx and the clients when it is too late. RFC 5280, 4.2.1.3 and 4.2.1.9.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, SecretStr, model_validator

from program.settings.refusals import HERE, Rule, Section, refusal

if TYPE_CHECKING:
    from cryptography import x509

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----\n?"
)
_CURVE = re.compile(r"-----BEGIN EC PARAMETERS-----.*?-----END EC PARAMETERS-----\s*", re.DOTALL)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_MINIMUM_RSA_BITS = 2048
SET_CERTIFICATE = (
    'pulumi config set --path certificates.authority.certificatePem -- "$(cat ca.crt)"'
)
# Not as an argument, which everybody on the machine can read.
SET_KEY = "pulumi config set --secret --path certificates.authority.privateKeyPem < ca.key"


class UnfitError(ValueError):
    """Why a certificate is no CA for this stack, in words that follow "is not allowed"."""


def _is_pem(value: str) -> str:
    # Beside a certificate a key would lie in the stack file in plain text, unnoticed.
    if "PRIVATE KEY" in value or not _CERTIFICATE.findall(value):
        raise ValueError
    return value


def _key_alone(value: SecretStr) -> SecretStr:
    """`openssl ecparam -genkey` writes the curve before the key; pulumi-tls reads what is first."""
    return SecretStr(_CURVE.sub("", value.get_secret_value()))


_CA_PEM = "a CA certificate as PEM text"
CaPem = Annotated[
    str,
    AfterValidator(_is_pem),
    Rule(_CA_PEM, typed=f"pulumi config set --path '{HERE}' -- \"$(cat ca.crt)\""),
]


class Anchor:
    """A CA certificate from the stack file, with the certificates above it up to the root."""

    def __init__(self, pem: str) -> None:
        self.chain_pem: list[str] = [text.strip() + "\n" for text in _CERTIFICATE.findall(pem)]

    @cached_property
    def chain(self) -> list[x509.Certificate]:
        """Parsed, the one that signs first.

        Raises:
            UnfitError: if one of them cannot be read.
        """
        from cryptography import x509  # noqa: PLC0415  only stacks with a CA of their own need it

        try:
            chain = [x509.load_pem_x509_certificate(text.encode()) for text in self.chain_pem]
            for certificate in chain:
                _ = certificate.extensions  # read only now
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise UnfitError("a certificate that can be read; this one cannot") from None
        return chain

    @property
    def certificate(self) -> x509.Certificate:
        """The one that signs."""
        return self.chain[0]

    @property
    def issuer_pem(self) -> str:
        """The certificate that signs, alone."""
        return self.chain_pem[0]

    @property
    def label(self) -> str:
        """Names the CA by what verification goes by, its name and its key.

        A renewed certificate with both is the same CA. With another name it verifies nothing that
        was issued before, whatever the key is.
        """
        name = self.certificate.subject.public_bytes()
        return f"external@{hashlib.sha256(name + self._public_key).hexdigest()[:16]}"

    @property
    def common_name(self) -> str:
        """The subject's; the whole subject where it has none."""
        from cryptography.x509.oid import NameOID  # noqa: PLC0415  as above

        subject = self.certificate.subject
        names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else str(subject.rfc4514_string())

    @property
    def not_valid_after(self) -> datetime:
        """When the first certificate of the chain ends, and with it the chain."""
        return min(certificate.not_valid_after_utc for certificate in self.chain)

    @property
    def public_key_sha256(self) -> str:
        """As `components.certificates.public_key_sha256` has it."""
        return hashlib.sha256(self._public_key).hexdigest()

    @property
    def _public_key(self) -> bytes:
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415  as above

        return self.certificate.public_key().public_bytes(
            form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo
        )

    def check(self, now: datetime) -> None:
        """Make sure that clients and nginx will take this CA's word.

        Raises:
            UnfitError: if a certificate of the chain is no CA, out of date, not signed by the next,
                forbids the CAs below it or what they sign, or has a key that nobody takes.
        """
        for below, certificate in enumerate(self.chain):
            _is_ca(certificate, below)
            _is_for_servers_and_clients(certificate)
            _is_understood(certificate)
            _is_in_date(certificate, now)
            _has_good_key(certificate)
            issuer = self.chain[min(below + 1, len(self.chain) - 1)]
            try:
                certificate.verify_directly_issued_by(issuer)
            except Exception as error:  # it raises several that have nothing in common
                reason = (
                    "a chain that ends with a self-signed root (append the CA that signed "
                    f"{certificate.subject.rfc4514_string()!r})"
                    if issuer is certificate
                    else "a chain in which each certificate is signed by the next"
                )
                raise UnfitError(reason) from error


def _is_ca(certificate: x509.Certificate, below: int) -> None:
    from cryptography import x509  # noqa: PLC0415  as above

    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if not basic.ca:
        raise UnfitError("the certificate of a CA (basicConstraints CA:TRUE), which this is not")
    if basic.path_length is not None and basic.path_length < below:
        raise UnfitError(
            f"a chain whose path lengths allow it: {certificate.subject.rfc4514_string()!r} has "
            f"pathlen:{basic.path_length} and {below} CA below it, so no leaf of it is valid"
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        raise UnfitError("a CA whose key usage allows it to sign certificates (keyCertSign)")


def _is_for_servers_and_clients(certificate: x509.Certificate) -> None:
    """OpenSSL goes by the extended key usage of CAs, too, up to the root."""
    from cryptography import x509  # noqa: PLC0415  as above
    from cryptography.x509.oid import ExtendedKeyUsageOID as Use  # noqa: PLC0415

    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {Use.SERVER_AUTH, Use.CLIENT_AUTH} <= set(uses):
        raise UnfitError(
            "a CA for servers and clients: an extended key usage with serverAuth and clientAuth, "
            "or without any"
        )


def _is_understood(certificate: x509.Certificate) -> None:
    """RFC 5280, 4.2: a certificate with an unknown critical extension has to be rejected."""
    from cryptography import x509  # noqa: PLC0415  as above

    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            raise UnfitError(
                "a CA without critical extensions that clients do not know, such as "
                f"{extension.oid.dotted_string}"
            )


def _is_in_date(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise UnfitError(
            "a CA that is still valid; this one ended on "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        )
    if certificate.not_valid_before_utc > now:
        raise UnfitError(
            "a CA that is valid already; this one begins on "
            f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        )


def _has_good_key(certificate: x509.Certificate) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    key: object = None
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MINIMUM_RSA_BITS:
        return
    raise UnfitError(
        "a CA with a key that clients take: RSA of 2048 bits or more, P-256, P-384, P-521"
    )


class Authority(Section):
    """The CA that signs, brought by the user; its key never leaves the stack's secrets."""

    certificate_pem: Annotated[
        str, AfterValidator(_is_pem), Rule(_CA_PEM, None, typed=SET_CERTIFICATE)
    ]
    """A CA of your own, which signs instead of one of the stack's."""
    private_key_pem: Annotated[
        SecretStr,
        AfterValidator(_key_alone),
        Rule("its private key as PEM text, as a secret", None, typed=SET_KEY),
    ]
    """Is in the stack's encrypted state and nowhere else."""

    @property
    def anchor(self) -> Anchor:
        """Its certificate and the chain above it."""
        return Anchor(self.certificate_pem)

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        anchor = self.anchor
        try:
            anchor.check(datetime.now(UTC))
        except UnfitError as unfit:
            raise refusal(
                "certificates.authority.certificatePem",
                _described(anchor),
                str(unfit),
                SET_CERTIFICATE,
            ) from None
        if not _fits(anchor.certificate, self.private_key_pem.get_secret_value()):
            raise refusal(
                "certificates.authority.privateKeyPem",
                "[secret]",
                f"the unencrypted private key that belongs to {_described(anchor)!r}",
                SET_KEY,
            )
        return self

    def require_outliving(self, leaf_days: int, key: str) -> None:
        """Refuse leaves that would be valid for longer than their CA."""
        left = self.anchor.not_valid_after - datetime.now(UTC)
        if left < timedelta(days=leaf_days):
            raise refusal(
                key,
                leaf_days,
                f"at most what is left of certificates.authority ({left.days} days): a certificate "
                "is worth nothing after its CA's end",
                f"pulumi config set --path {key} {max(2, left.days // 2)}"
                if left.days > 1
                else SET_CERTIFICATE,
            )


def _described(anchor: Anchor) -> str:
    try:
        return anchor.certificate.subject.rfc4514_string()
    except UnfitError:
        return "(unreadable)"


def _fits(certificate: x509.Certificate, key_pem: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    try:
        key: Any = form.load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    encoding = (form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    mine: bytes = key.public_key().public_bytes(*encoding)
    return mine == certificate.public_key().public_bytes(*encoding)
