"""`client.p12`: key, certificate and CA in one file under a password, for Java and for others.

Everything in it is encrypted with AES-256-CBC under a key that PBKDF2 makes of the password
(PBES2). The file's own MAC is made again here: the library makes it with 2048 rounds, whatever
it is told, and who guesses passwords would guess them there, some hundred times faster.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.x509 import ObjectIdentifier

from clients.identity import Identity
from common.refusal import Refusal

ROUNDS = 600_000
"""Of both; OWASP's figure for PBKDF2-HMAC-SHA256. Java reads files of up to 5,000,000."""

ALLOWED = "a password of printable ASCII characters (Java opens a keystore with no others)"


def require_usable(password: str) -> None:
    """Raises Refusal if the password is empty, or one that not every program takes."""
    if not password:
        raise Refusal(f"the password of client.p12 is empty; give it {ALLOWED}")
    if not all(" " <= character <= "~" for character in password):
        raise Refusal(
            "the password of client.p12 has characters that not every program takes; give it "
            f"{ALLOWED}"
        )


def keystore(identity: Identity, password: str) -> bytes:
    """The identity as a PKCS#12 file; the client's name is the alias of its entry."""
    require_usable(password)
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode("ascii"))
    )
    return _with_stronger_mac(
        pkcs12.serialize_key_and_certificates(
            identity.client.encode(),
            identity.key,
            identity.certificate,
            identity.authorities,
            encryption,
        ),
        password,
    )


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _AlgorithmIdentifier:
    algorithm: ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _DigestInfo:
    digest_algorithm: _AlgorithmIdentifier
    digest: bytes


@asn1.sequence
class _MacData:
    mac: _DigestInfo
    mac_salt: bytes
    iterations: int


@asn1.sequence
class _Pfx:
    """RFC 7292, section 4; here always with a MAC."""

    version: int
    auth_safe: _ContentInfo
    mac_data: _MacData


def _with_stronger_mac(der: bytes, password: str) -> bytes:
    pfx = asn1.decode_der(_Pfx, der)
    salt = os.urandom(16)
    key = _mac_key(password, salt)
    mac = _MacData(
        mac=_DigestInfo(
            digest_algorithm=pfx.mac_data.mac.digest_algorithm,
            digest=hmac.digest(key, pfx.auth_safe.content, "sha256"),
        ),
        mac_salt=salt,
        iterations=ROUNDS,
    )
    return asn1.encode_der(_Pfx(version=pfx.version, auth_safe=pfx.auth_safe, mac_data=mac))


def _mac_key(password: str, salt: bytes) -> bytes:
    """RFC 7292, appendix B.2, for a key as long as the hash is: there is only one block to make."""
    block = hashlib.sha256().block_size

    def filled(text: bytes) -> bytes:
        length = -(-len(text) // block) * block
        return (text * (length // len(text) + 1))[:length]

    purpose = b"\x03" * block
    key = purpose + filled(salt) + filled((password + "\0").encode("utf-16-be"))
    for _ in range(ROUNDS):
        key = hashlib.sha256(key).digest()
    return key
