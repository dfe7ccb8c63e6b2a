"""Stand-in for pulumi-tls: keys, requests and certificates made with `cryptography`.

Does what the real plugin was seen to do: every change replaces, except that the renewal window is
changed in place; a certificate inside its window is replaced at the next `up`; a certificate's id
is its serial number in decimal; `max_path_length` 0 is dropped.
https://www.pulumi.com/registry/packages/tls/api-docs/
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common import names
from common.names import KEY_USAGES
from common.refusal import Refusal
from localcloud.plugins.base import (
    UNKNOWN,
    Diff,
    Plugin,
    Properties,
    Secret,
    changed_properties,
    type_token,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
_EXTENDED_KEY_USAGES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
# In the order in which Go writes a name, which is what the real plugin is written in.
_SUBJECT = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}

_CERTIFICATES = (names.SELF_SIGNED_CERT, names.LOCALLY_SIGNED_CERT)


class Tls(Plugin):
    """PrivateKey, CertRequest, SelfSignedCert and LocallySignedCert."""

    name = "tls"
    version = version("pulumi-tls")

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        if type_token(urn) == names.PRIVATE_KEY:
            return {"ecdsaCurve": "P224", "rsaBits": 2048, **new}
        if type_token(urn) in _CERTIFICATES:
            uses = new.get("allowedUses", [])
            for use in uses if isinstance(uses, list) else ():
                if use not in (*KEY_USAGES, *_EXTENDED_KEY_USAGES, UNKNOWN):
                    permitted = ", ".join(sorted((*KEY_USAGES, *_EXTENDED_KEY_USAGES)))
                    raise Refusal(f"allowedUses: {use!r} is not one of {permitted}")
            return {"earlyRenewalHours": 0, **new}
        return new

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        changed = changed_properties(old, new)
        replaces = tuple(name for name in changed if name != "earlyRenewalHours")
        if type_token(urn) in _CERTIFICATES and is_ready_for_renewal(state, new):
            changed, replaces = (*changed, "readyForRenewal"), (*replaces, "readyForRenewal")
        return Diff(changed=changed, replaces=replaces)

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        match type_token(urn):
            case names.PRIVATE_KEY:
                return create_private_key(inputs)
            case names.CERT_REQUEST:
                return create_request(inputs)
            case names.SELF_SIGNED_CERT:
                return create_self_signed(inputs)
            case names.LOCALLY_SIGNED_CERT:
                return create_locally_signed(inputs)
            case token:
                raise Refusal(f"tls: there is no resource {token} in this stand-in")

    def preview_create(self, urn: str, inputs: Properties) -> Properties:
        unknown = {
            names.PRIVATE_KEY: ("publicKeyPem", "privateKeyPem", "privateKeyPemPkcs8"),
            names.CERT_REQUEST: ("certRequestPem",),
        }.get(type_token(urn), ("certPem", "validityStartTime", "validityEndTime"))
        return {**inputs, **dict.fromkeys(unknown, UNKNOWN)}

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Properties | None:
        if type_token(urn) in _CERTIFICATES:
            ready = is_ready_for_renewal(state, inputs)
            return {**_keep_secret(state), "readyForRenewal": ready}
        return _keep_secret(state)

    def update(self, urn: str, id_: str, new: Properties, state: Properties) -> Properties:
        return {**_keep_secret(state), "earlyRenewalHours": new["earlyRenewalHours"]}

    def preview_update(self, urn: str, new: Properties, state: Properties) -> Properties:
        return self.update(urn, "", new, state)


def _keep_secret(state: Properties) -> Properties:
    """State comes from the engine without its marks; what returns it has to put them back."""
    return {k: Secret(v) if "rivateKey" in k else v for k, v in state.items()}


def is_ready_for_renewal(state: Properties, inputs: Properties) -> bool:
    """Whether a certificate is inside its renewal window, or past its end."""
    end = datetime.fromisoformat(state["validityEndTime"])
    return datetime.now(UTC) >= end - timedelta(hours=inputs.get("earlyRenewalHours", 0))


def create_private_key(inputs: Properties) -> tuple[str, Properties]:
    key: PrivateKey
    match inputs["algorithm"]:
        case "RSA":
            key = rsa.generate_private_key(public_exponent=65537, key_size=inputs["rsaBits"])
        case "ECDSA":
            key = ec.generate_private_key(_CURVES[inputs["ecdsaCurve"]]())
        case "ED25519":
            key = ed25519.Ed25519PrivateKey.generate()
        case other:
            raise Refusal(f"algorithm: {other!r} is not one of RSA, ECDSA, ED25519")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    traditional = (
        serialization.PrivateFormat.PKCS8
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else serialization.PrivateFormat.TraditionalOpenSSL
    )
    # OpenSSH does not know P-224.
    is_p224 = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp224r1"
    openssh = (
        None
        if is_p224
        else key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
    )
    return hashlib.sha1(public, usedforsecurity=False).hexdigest(), {
        **inputs,
        "publicKeyPem": public.decode(),
        "publicKeyOpenssh": f"{openssh.decode()}\n" if openssh else "",
        "privateKeyPem": Secret(_private_pem(key, traditional)),
        "privateKeyPemPkcs8": Secret(_private_pem(key, serialization.PrivateFormat.PKCS8)),
        "privateKeyOpenssh": Secret(
            _private_pem(key, serialization.PrivateFormat.OpenSSH) if openssh else ""
        ),
    }


def create_request(inputs: Properties) -> tuple[str, Properties]:
    key = _load_key(inputs["privateKeyPem"])
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(inputs.get("subject")))
    if sans := _alternative_names(inputs):
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    request = builder.sign(key, _digest(key))
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    return hashlib.sha1(pem.encode(), usedforsecurity=False).hexdigest(), {
        **inputs,
        "privateKeyPem": Secret(inputs["privateKeyPem"]),
        "keyAlgorithm": _algorithm(key),
        "certRequestPem": pem,
    }


def create_self_signed(inputs: Properties) -> tuple[str, Properties]:
    key = _load_key(inputs["privateKeyPem"])
    name = _name(inputs.get("subject"))
    sans = _alternative_names(inputs)
    id_, outputs = _issue(inputs, key.public_key(), name, sans, issuer=name, issuer_key=key)
    return id_, {**outputs, "privateKeyPem": Secret(inputs["privateKeyPem"])}


def create_locally_signed(inputs: Properties) -> tuple[str, Properties]:
    request = x509.load_pem_x509_csr(inputs["certRequestPem"].encode())
    ca = x509.load_pem_x509_certificate(inputs["caCertPem"].encode())
    ca_key = _load_key(inputs["caPrivateKeyPem"])
    try:
        extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        sans = list(extension.value)
    except x509.ExtensionNotFound:
        sans = []
    id_, outputs = _issue(
        inputs,
        request.public_key(),
        request.subject,
        sans,
        issuer=ca.subject,
        issuer_key=ca_key,
        authority=ca,
    )
    return id_, {
        **outputs,
        "caPrivateKeyPem": Secret(inputs["caPrivateKeyPem"]),
        "caKeyAlgorithm": _algorithm(ca_key),
    }


def _issue(
    inputs: Properties,
    public_key: Any,
    subject: x509.Name,
    sans: Sequence[x509.GeneralName],
    *,
    issuer: x509.Name,
    issuer_key: PrivateKey,
    authority: x509.Certificate | None = None,
) -> tuple[str, Properties]:
    is_ca = bool(inputs.get("isCaCertificate"))
    uses = inputs["allowedUses"]
    start = datetime.now(UTC).replace(microsecond=0)
    end = start + timedelta(hours=inputs["validityPeriodHours"])
    serial = secrets.randbits(128)
    builder = (
        x509.CertificateBuilder()
        .serial_number(serial)
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if any(use in KEY_USAGES for use in uses):
        flags = {use: use in uses for use in KEY_USAGES}
        usage = x509.KeyUsage(
            key_cert_sign=flags.pop("cert_signing"), crl_sign=flags.pop("crl_signing"), **flags
        )
        builder = builder.add_extension(usage, critical=True)
    if extended := [_EXTENDED_KEY_USAGES[u] for u in uses if u in _EXTENDED_KEY_USAGES]:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    # The real plugin cannot write a path length of 0 either.
    path_length = inputs.get("maxPathLength") or None if is_ca else None
    builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
    if is_ca or inputs.get("setSubjectKeyId"):
        ski = x509.SubjectKeyIdentifier.from_public_key(public_key)
        builder = builder.add_extension(ski, critical=False)
    if authority is not None or inputs.get("setAuthorityKeyId"):
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(aki, critical=False)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    certificate = builder.sign(issuer_key, _digest(issuer_key))
    return str(serial), {
        **inputs,
        "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "keyAlgorithm": _algorithm(public_key),
        "readyForRenewal": False,
        "validityStartTime": start.isoformat().replace("+00:00", "Z"),
        "validityEndTime": end.isoformat().replace("+00:00", "Z"),
    }


def _name(subject: Properties | None) -> x509.Name:
    given = subject or {}
    return x509.Name(
        [x509.NameAttribute(oid, given[key]) for key, oid in _SUBJECT.items() if given.get(key)]
    )


def _alternative_names(inputs: Properties) -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in inputs.get("dnsNames") or ()),
        *(x509.IPAddress(ipaddress.ip_address(a)) for a in inputs.get("ipAddresses") or ()),
        *(x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris") or ()),
    ]


def _load_key(pem: str) -> PrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, PrivateKey):
        raise Refusal(f"privateKeyPem: a key of type {type(key).__name__} is not supported")
    return key


def _private_pem(key: PrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def _algorithm(key: Any) -> str:
    kinds = {
        "RSA": (rsa.RSAPrivateKey, rsa.RSAPublicKey),
        "ECDSA": (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey),
    }
    return next((name for name, types in kinds.items() if isinstance(key, types)), "ED25519")


def _digest(key: PrivateKey) -> Any:
    """The hash that goes with a key, as Go chooses it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    size = key.curve.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 256
    return {384: hashes.SHA384(), 521: hashes.SHA512()}.get(size, hashes.SHA256())
