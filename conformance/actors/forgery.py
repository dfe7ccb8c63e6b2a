"""Certificates that nobody would issue, but somebody could make."""

from __future__ import annotations

import re
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.actors.peers import Authority, Endpoint, Identity, write_private
from conformance.actors.witness import sidecar

HOUR = timedelta(hours=1)


def forged(
    issuer: Authority,
    *,
    common_name: str = "alice",
    serial: str | None = None,
    is_ca: bool = False,
    starts_in: timedelta = -HOUR,
    ends_in: timedelta = HOUR,
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    key: CertificateIssuerPrivateKeyTypes | None = None,
    extension: tuple[x509.ExtensionType, bool] | None = None,
) -> Authority:
    """A certificate with any serial number, and its key.

    Args:
        issuer: whose key signs it; it need not be allowed to.
        common_name: whom it is for.
        serial: in hexadecimal, a random one unless given.
        is_ca: whether the certificate says that its holder may sign others.
        starts_in: from now until it is valid.
        ends_in: from now until it is no longer.
        usages: what it is for; nothing is said of it if empty.
        key: its own, a new P-256 one unless given.
        extension: one more, and whether it is critical.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .serial_number(int(serial, 16) if serial else x509.random_serial_number())
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + ends_in)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.certificate.public_key()),  # type: ignore[arg-type]  # a CA's key signs
            critical=False,
        )
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if extension:
        builder = builder.add_extension(*extension)
    return Authority(builder.sign(issuer.key, hashes.SHA256()), key, issuer.folder)


@contextmanager
def also_listed(endpoint: Endpoint, leaf: Authority, *trusted: Authority) -> Iterator[Endpoint]:
    """A copy of the sidecar that takes one more certificate for alice's.

    Args:
        endpoint: whose sidecar.
        leaf: the certificate.
        trusted: CAs that count beside the stack's.
    """
    number = f"{leaf.certificate.serial_number:X}"
    number = number.zfill(len(number) + len(number) % 2)
    known_by = f"{number}/{leaf.certificate.fingerprint(hashes.SHA1()).hex()}"  # noqa: S303  nginx knows no other

    def change(text: str) -> str:
        entry = f'\\g<0>\n"{known_by}" "alice";'
        text = re.sub(r'\$client_name \{\s+default "\w*";', entry, text)
        return text.replace("ssl_client_certificate ca.crt", f"ssl_client_certificate {bundle}")

    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "trusted.crt"
        others = [ca.certificate.public_bytes(serialization.Encoding.PEM) for ca in trusted]
        bundle.write_bytes(b"".join([endpoint.ca_file.read_bytes(), *others]))
        with sidecar(endpoint, Path(folder), change) as copy:
            yield copy


def alices_serial(endpoint: Endpoint) -> str:
    """On the list, in hexadecimal."""
    return f"{holder(endpoint.alice).certificate.serial_number:x}"


def wait_until_expired(leaf: Authority) -> None:
    """Return in the second after the last in which a certificate is valid."""
    end = leaf.certificate.not_valid_after_utc + timedelta(seconds=1)
    while (left := (end - datetime.now(UTC)).total_seconds()) > 0:
        time.sleep(left)


def edited(
    certificate: x509.Certificate,
    issuer: Authority,
    edit: Callable[[Any], None],
    *,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """DER of a certificate that `cryptography` would not make, signed all the same.

    Args:
        certificate: signed with ECDSA and SHA-256.
        issuer: whose key signs it again; an elliptic curve's.
        edit: changes the fields before they are signed.
        digest: what is signed is hashed with; `edit` has to name it as well.
    """
    whole = asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    edit(whole)
    content = whole["tbs_certificate"].dump(force=True)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    whole["signature_value"] = issuer.key.sign(content, ec.ECDSA(digest or hashes.SHA256()))
    return bytes(whole.dump(force=True))


def holder(identity: Identity) -> Authority:
    """A client, as somebody who signs with the key it has."""
    pem = identity.file.read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Authority(x509.load_pem_x509_certificate(pem), key, identity.file.parent)


def shown(leaf: Authority, *others: x509.Certificate, der: bytes | None = None) -> Identity:
    """What is held out in the handshake: a certificate with its key, and others after it.

    `der` replaces the certificate by one that only the key is right for.
    """
    first = der or leaf.certificate.public_bytes(serialization.Encoding.DER)
    pem = ssl.DER_cert_to_PEM_cert(first).encode()
    for other in others:
        pem += other.public_bytes(serialization.Encoding.PEM)
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = leaf.folder / f"shown-{x509.random_serial_number():x}.pem"
    write_private(file, pem + key)
    return Identity(file)
