"""CERT-27 and on: serial numbers, keys, signatures and names as nobody would issue them.

Most of them have alice's serial number, which is no secret, and all but a few are signed with the
key of a CA that is trusted: what is left then is the rest of the certificate.
"""

from __future__ import annotations

import json
import re
import ssl
from typing import Any

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.actors.forgery import alices_serial, also_listed, edited, forged, holder, shown
from conformance.actors.handshake import REFUSED, lenient, predicted
from conformance.actors.peers import Answer, Authority, Endpoint
from conformance.case import Observed, case

Outcome = Answer | str


# --- the serial number ---------------------------------------------------------------------------


@case("CERT-27", "alice's name, a serial number not on the list", "403", needs=("authority",))
def unlisted(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, shown(forged(endpoint.authority)))


@case("CERT-28", "the end of alice's serial number", "403", needs=("authority",))
def ends_alike(endpoint: Endpoint) -> Outcome:
    return _numbered(endpoint, alices_serial(endpoint)[2:])


@case("CERT-29", "the beginning of alice's serial number", "403", needs=("authority",))
def begins_alike(endpoint: Endpoint) -> Outcome:
    return _numbered(endpoint, alices_serial(endpoint)[:-2])


@case("CERT-30", "alice's serial number with a byte before it", "403", needs=("authority",))
def longer_in_front(endpoint: Endpoint) -> Outcome:
    return _numbered(endpoint, f"01{alices_serial(endpoint):0>32}")


@case("CERT-31", "alice's serial number with a byte behind it", "403", needs=("authority",))
def longer_behind(endpoint: Endpoint) -> Outcome:
    return _numbered(endpoint, f"{alices_serial(endpoint)}00")


def _numbered(endpoint: Endpoint, serial: str) -> Outcome:
    return predicted(endpoint, shown(forged(endpoint.authority, serial=serial)))


@case("CERT-32", "alice's serial number below zero", "403", needs=("authority",))
def negative(endpoint: Endpoint) -> Outcome:
    return _renumbered(endpoint, -int(alices_serial(endpoint), 16))


@case("CERT-33", "zero as serial number", "403", needs=("authority",))
def zero(endpoint: Endpoint) -> Outcome:
    return _renumbered(endpoint, 0)


def _renumbered(endpoint: Endpoint, serial: int) -> Outcome:
    def edit(certificate: Any) -> None:
        certificate["tbs_certificate"]["serial_number"] = serial

    leaf = forged(endpoint.authority)
    der = edited(leaf.certificate, endpoint.authority, edit)
    return predicted(endpoint, shown(leaf, der=der))


@case("CERT-34", "alice's certificate behind one not on the list", "403", needs=("authority",))
def behind_another(endpoint: Endpoint) -> Outcome:
    alices = holder(endpoint.alice).certificate
    return predicted(endpoint, shown(forged(endpoint.authority), alices))


# --- keys and signatures -------------------------------------------------------------------------


@case("CERT-35", "alice's serial number, signed with SHA-1", "400", needs=("authority",))
def sha_1(endpoint: Endpoint) -> Outcome:
    def edit(certificate: Any) -> None:
        certificate["signature_algorithm"]["algorithm"] = "sha1_ecdsa"
        certificate["tbs_certificate"]["signature"]["algorithm"] = "sha1_ecdsa"

    leaf = _like_alice(endpoint)
    der = edited(leaf.certificate, endpoint.authority, edit, digest=hashes.SHA1())  # noqa: S303  # weak on purpose
    return predicted(endpoint, shown(leaf, der=der))


@case("CERT-36", "alice's certificate, one bit of the signature wrong", "400")
def tampered(endpoint: Endpoint) -> Outcome:
    alice = holder(endpoint.alice)
    der = bytearray(alice.certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return predicted(endpoint, shown(alice, der=bytes(der)))


@case("CERT-37", "alice's certificate with another key in it", "400")
def another_key(endpoint: Endpoint) -> Outcome:
    """As anyone who has her certificate could make it, which is no secret."""
    leaf = forged(holder(endpoint.alice))
    theirs = asn1.Certificate.load(leaf.certificate.public_bytes(Encoding.DER))
    hers = asn1.Certificate.load(holder(endpoint.alice).certificate.public_bytes(Encoding.DER))
    name = "subject_public_key_info"
    hers["tbs_certificate"][name] = theirs["tbs_certificate"][name]
    return predicted(endpoint, shown(leaf, der=hers.dump(force=True)))


@case("CERT-38", "alice's serial number, an RSA key of 1024 bits", "400", needs=("authority",))
def rsa_1024(endpoint: Endpoint) -> Outcome:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weak on purpose
    return predicted(endpoint, shown(_like_alice(endpoint, key)))


@case("CERT-39", "an RSA key of 2048 bits, not on the list", "403", needs=("authority",))
def rsa_2048(endpoint: Endpoint) -> Outcome:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return predicted(endpoint, shown(forged(endpoint.authority, key=key)))


# Certificates that hold, and which only the CA's key can make: other keys than the stack's.


@case("CERT-40", "alice's serial number, a P-521 key, over TLS 1.3", "403", needs=("authority",))
def p_521(endpoint: Endpoint) -> Outcome:
    return _over(endpoint, ec.generate_private_key(ec.SECP521R1()), ssl.TLSVersion.TLSv1_3)


@case(
    "CERT-41",
    "alice's serial number, a P-521 key, over TLS 1.2",
    REFUSED,
    needs=("authority",),
)
def p_521_before(endpoint: Endpoint) -> Outcome:
    """TLS 1.2 has one list of curves for both: those that keys are agreed on in."""
    return _over(endpoint, ec.generate_private_key(ec.SECP521R1()), ssl.TLSVersion.TLSv1_2)


@case("CERT-42", "alice's serial number, an Ed25519 key", "403", needs=("authority",))
def ed_25519(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, shown(_like_alice(endpoint, ed25519.Ed25519PrivateKey.generate())))


def _over(
    endpoint: Endpoint, key: CertificateIssuerPrivateKeyTypes, version: ssl.TLSVersion
) -> Outcome:
    identity = shown(_like_alice(endpoint, key))
    return predicted(endpoint, identity, lenient(endpoint, identity, version))


def _like_alice(
    endpoint: Endpoint, key: CertificateIssuerPrivateKeyTypes | None = None
) -> Authority:
    return forged(endpoint.authority, serial=alices_serial(endpoint), key=key)


# --- names ---------------------------------------------------------------------------------------


@case("CERT-43", "2000 further names, not on the list", "403", needs=("authority",))
def many_names(endpoint: Endpoint) -> Outcome:
    return _named(endpoint, 2000)


@case("CERT-44", "20000 further names, alice's serial number", REFUSED, needs=("authority",))
def too_many_names(endpoint: Endpoint) -> Outcome:
    """Over the 100 KB that OpenSSL reads of a client's certificates."""
    return _named(endpoint, 20_000, alices_serial(endpoint))


def _named(endpoint: Endpoint, count: int, serial: str | None = None) -> Outcome:
    names = x509.SubjectAlternativeName(
        [x509.DNSName(f"client-{number}.example") for number in range(count)]
    )
    leaf = forged(endpoint.authority, serial=serial, extension=(names, False))
    return predicted(endpoint, shown(leaf))


CONTROLS = 'al\nice\r\nX-Client-Name: bob\x00\x1b[2J\x7f"}\u2028\u202e'


@case(
    "CERT-45",
    "control characters, quotes and line ends in the name, not on the list",
    "403, and the log is what it should be",
    needs=("authority", "logs"),
)
def controls(endpoint: Endpoint) -> Observed:
    return _logged(endpoint, forged(endpoint.authority, common_name=CONTROLS))


@case(
    "CERT-46",
    "control characters, quotes and line ends in the name, on the list",
    "200, and the log is what it should be",
    reaches=1,
    needs=("authority", "logs"),
)
def controls_listed(endpoint: Endpoint) -> Observed:
    """The name that counts is the list's, so what the certificate says is seen nowhere."""
    leaf = forged(endpoint.authority, common_name=CONTROLS)
    with also_listed(endpoint, leaf) as copy:
        return _logged(copy, leaf)


def _logged(endpoint: Endpoint, leaf: Authority) -> Observed:
    start = endpoint.access_log.stat().st_size
    answer = predicted(endpoint, shown(leaf))
    assert isinstance(answer, Answer), answer
    endpoint.logged(answer, start)  # its line is there now
    with endpoint.access_log.open("rb") as log:
        log.seek(start)
        lines = log.read().splitlines()
    mine = [line for line in lines if answer.headers["x-request-id"].encode() in line]
    strange = [line for line in lines if not _is_of_nginx(line) or b"bob" in line]
    if strange or len(mine) != 1:
        return Observed(f"{answer.status}, and the log has {strange or mine}")
    return Observed(f"{answer.status}, and the log is what it should be")


def _is_of_nginx(line: bytes) -> bool:
    """An access line is JSON and printable; every other one begins as nginx' own do."""
    if not line.startswith(b"{"):
        return re.match(rb"\d{4}/\d\d/\d\d [\d:]{8} \[\w+\] ", line) is not None
    try:
        return isinstance(json.loads(line), dict) and line.isascii()
    except ValueError:
        return False


# --- more than one CA ----------------------------------------------------------------------------


@case(
    "CERT-47",
    "from another CA that is trusted, too: on the list, and with alice's serial number",
    "on the list: 200, with alice's serial number: 403",
    reaches=1,
    needs=("authority",),
)
def from_another_trusted_ca(endpoint: Endpoint) -> str:
    """Who has such a CA's key cannot make alice's certificate, only one that says it is."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trusted, too")])
    other = Authority.new(endpoint.folder, name)
    listed, like_alices = forged(other), forged(other, serial=alices_serial(endpoint))
    with also_listed(endpoint, listed, other) as copy:
        seen = [predicted(copy, shown(leaf)) for leaf in (listed, like_alices)]
    known, unknown = (x if isinstance(x, str) else x.status for x in seen)
    return f"on the list: {known}, with alice's serial number: {unknown}"
