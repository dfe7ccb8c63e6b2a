"""The stack's private PKI: CAs, a server certificate, certificates for clients.

Owns keys and certificates. Does not decide who is let in: the sidecar's allow-list does, from
the certificates made here. Private keys are secret from the line that makes them and exist in
the encrypted stack state only; the CA's key goes nowhere else, the clients' keys only into the
secret output `clientCertificates` and, of clients with readers, into the key vault.

The profile (`CA:TRUE`, key usage, exactly one extended key usage in a leaf, key identifiers in
all of them) is what RFC 5280 asks for and pkilint checks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

HOURS_PER_DAY = 24
# Anyone who holds a copy of a key, or of a certificate for it, cannot follow a change of the stack
# file. So its kind stays, and the next generation is of the new kind.
KIND_OF_KEY = ["algorithm", "ecdsaCurve", "rsaBits"]
ORGANIZATION = "mtls-model-endpoint"


def private_key(name: str, algorithm: str, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A new key of a kind such as `ECDSA-P256` or `RSA-3072`.

    The curve is always named: without one the provider picks P-224, with which no handshake
    succeeds.
    """
    family, _, size = algorithm.partition("-")
    if family == "RSA":
        return tls.PrivateKey(name, algorithm="RSA", rsa_bits=int(size), opts=opts)
    return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=size, opts=opts)


@dataclass(frozen=True, kw_only=True)
class CertificateAuthorityArgs:
    """What a CertificateAuthority takes."""

    common_name: str
    key_algorithm: str
    """As `ECDSA-P256` or `RSA-3072`."""
    validity_days: int
    renew_before_days: int
    """From how many days before its end the next deployment renews the certificate."""
    protect_key: bool = False
    """Refuse to delete the key: without it no certificate can be issued that clients trust."""


class CertificateAuthority(pulumi.ComponentResource):
    """A self-signed CA whose key stays in the stack's state.

    Renewal keeps the key and the name, so that the old certificate still verifies what the new
    one signed, and the other way round. For the same reason neither of them follows a change of
    the stack file: another key is another CA, made beside this one.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    public_key_sha256: pulumi.Output[str]
    certificate: tls.SelfSignedCert

    def __init__(
        self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:CertificateAuthority", name, None, opts)
        key = private_key(
            f"{name}-key",
            args.key_algorithm,
            pulumi.ResourceOptions(
                parent=self, protect=args.protect_key, ignore_changes=KIND_OF_KEY
            ),
        )
        self.private_key_pem = pulumi.Output.secret(key.private_key_pem)
        self.public_key_sha256 = key.public_key_pem.apply(public_key_sha256)
        self.certificate = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=self.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(
                common_name=args.common_name, organization=ORGANIZATION
            ),
            is_ca_certificate=True,
            set_subject_key_id=True,
            set_authority_key_id=True,
            allowed_uses=["cert_signing", "crl_signing"],
            validity_period_hours=args.validity_days * HOURS_PER_DAY,
            early_renewal_hours=args.renew_before_days * HOURS_PER_DAY,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["subject"]),
        )
        self.certificate_pem = self.certificate.cert_pem
        self.register_outputs({"certificatePem": self.certificate_pem})


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """A CA that signs, one of the stack's own or the user's."""

    certificate_pem: pulumi.Input[str]
    private_key_pem: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class LeafCertificateArgs:
    """What a ServerCertificate and a ClientCertificate take."""

    issuer: Issuer
    common_name: str
    key_algorithm: str
    """As `ECDSA-P256` or `RSA-3072`."""
    validity_days: int
    renew_before_days: int
    """From how many days before its end the next deployment renews it, keeping the key."""
    dns_names: Sequence[pulumi.Input[str]] | None = None
    generation: int = 1
    """Another number makes another key."""


class LeafCertificate(pulumi.ComponentResource):
    """A key of its own and a certificate for it that a CA signed."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    public_key_sha256: pulumi.Output[str]
    serial_number: pulumi.Output[str]
    """Upper-case hexadecimal, two digits a byte: how nginx and openssl show it."""
    certificate: tls.LocallySignedCert

    def _issue(
        self,
        name: str,
        args: LeafCertificateArgs,
        *,
        extended_key_usage: str,
        key_opts: pulumi.ResourceOptions,
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        key = private_key(f"{name}-key", args.key_algorithm, key_opts)
        self.private_key_pem = pulumi.Output.secret(key.private_key_pem)
        self.public_key_sha256 = key.public_key_pem.apply(public_key_sha256)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=self.private_key_pem,
            subject=tls.CertRequestSubjectArgs(
                common_name=args.common_name, organization=ORGANIZATION
            ),
            dns_names=args.dns_names,
            opts=child,
        )
        self.certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=args.issuer.certificate_pem,
            ca_private_key_pem=args.issuer.private_key_pem,
            allowed_uses=["digital_signature", extended_key_usage],
            set_subject_key_id=True,
            validity_period_hours=args.validity_days * HOURS_PER_DAY,
            early_renewal_hours=args.renew_before_days * HOURS_PER_DAY,
            opts=child,
        )
        self.certificate_pem = self.certificate.cert_pem
        self.serial_number = self.certificate.id.apply(serial_number)
        self.register_outputs(
            {
                "certificatePem": self.certificate_pem,
                "privateKeyPem": self.private_key_pem,
                "serialNumber": self.serial_number,
            }
        )


class ServerCertificate(LeafCertificate):
    """Proves to clients that they talk to this endpoint; good for nothing else.

    Another generation or kind of key replaces the key in place: clients verify the name and the
    CA, so nobody has to be given anything.
    """

    def __init__(
        self, name: str, args: LeafCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ServerCertificate", name, None, opts)
        key_opts = pulumi.ResourceOptions(parent=self, replacement_trigger=args.generation)
        self._issue(name, args, extended_key_usage="server_auth", key_opts=key_opts)


class ClientCertificate(LeafCertificate):
    """Proves to the endpoint who calls, by its common name; good for nothing else.

    One component is one generation. Its key stays what it is for as long as it lives: the client
    holds a copy.
    """

    def __init__(
        self, name: str, args: LeafCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtls-model-endpoint:index:ClientCertificate", name, None, opts)
        key_opts = pulumi.ResourceOptions(parent=self, ignore_changes=KIND_OF_KEY)
        self._issue(name, args, extended_key_usage="client_auth", key_opts=key_opts)


def public_key_sha256(public_key_pem: str) -> str:
    """SHA-256 of a public key (SubjectPublicKeyInfo, DER), in hexadecimal: what RFC 7469 pins."""
    return hashlib.sha256(_der(public_key_pem)).hexdigest()


def fingerprint_sha1(certificate_pem: str) -> str:
    """SHA-1 of a certificate (DER), in lower-case hexadecimal: nginx' `$ssl_client_fingerprint`.

    nginx offers no other. It tells one certificate from all that anybody else can make: that takes
    a second preimage, which nobody can find for SHA-1. Collisions, which can be found, need both
    certificates to be made by the same hand.
    """
    return hashlib.sha1(_der(certificate_pem), usedforsecurity=False).hexdigest()


def _der(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))


def serial_number(certificate_id: str) -> str:
    """A pulumi-tls certificate id (the serial in decimal) as nginx writes serials.

    Whole bytes in upper-case hexadecimal, never padded further: a serial written in any other
    way matches nothing in the allow-list.
    """
    digits = f"{int(certificate_id):X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"
