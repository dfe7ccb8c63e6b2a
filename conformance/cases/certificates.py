"""CERT-01 to CERT-26: whose certificates count, for how long and what for.

`400` is the answer to a certificate that does not hold, and `403` to one
that holds, but is not on the list.
"""

from __future__ import annotations

import ssl
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.actors.forgery import (
    HOUR,
    alices_serial,
    also_listed,
    forged,
    holder,
    shown,
    wait_until_expired,
)
from conformance.actors.handshake import lenient, predicted
from conformance.actors.peers import (
    Answer,
    Authority,
    Endpoint,
    Identity,
    self_signed,
    write_identity,
)
from conformance.case import Observed, case

Outcome = Answer | str


@case("CERT-01", "alice's certificate over TLS 1.2", "200", reaches=1)
def alice_1_2(endpoint: Endpoint) -> Outcome:
    context = lenient(endpoint, endpoint.alice, ssl.TLSVersion.TLSv1_2)
    return predicted(endpoint, endpoint.alice, context)


@case("CERT-02", "alice's certificate over TLS 1.3", "200", reaches=1)
def alice_1_3(endpoint: Endpoint) -> Outcome:
    context = lenient(endpoint, endpoint.alice, ssl.TLSVersion.TLSv1_3)
    return predicted(endpoint, endpoint.alice, context)


@case("CERT-03", "no certificate", "400")
def none(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, None)


# --- whose signature -----------------------------------------------------------------------------


def _name_of_the_ca(endpoint: Endpoint) -> x509.Name:
    return x509.load_pem_x509_certificate(endpoint.ca_file.read_bytes()).subject


def _another_ca(endpoint: Endpoint) -> Authority:
    """Of the same name; the key is another."""
    return Authority.new(endpoint.folder, _name_of_the_ca(endpoint))


@case("CERT-04", "a self-signed certificate under the CA's name", "400")
def alone(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, self_signed(endpoint.folder, _name_of_the_ca(endpoint)))


@case("CERT-05", "alice's name, signed by a CA of another name", "400")
def another_name(endpoint: Endpoint) -> Outcome:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another CA")])
    return predicted(endpoint, shown(forged(Authority.new(endpoint.folder, name))))


@case("CERT-06", "alice's name, signed by another CA of the same name", "400")
def same_name(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, shown(forged(_another_ca(endpoint))))


@case("CERT-07", "alice's serial number, signed by another CA of the same name", "400")
def same_serial(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, shown(forged(_another_ca(endpoint), serial=alices_serial(endpoint))))


@case("CERT-08", "alice's serial number from another CA, which is sent along", "400")
def same_serial_with_its_ca(endpoint: Endpoint) -> Outcome:
    other = _another_ca(endpoint)
    leaf = forged(other, serial=alices_serial(endpoint))
    return predicted(endpoint, shown(leaf, other.certificate))


@case("CERT-09", "alice's serial number from another CA, with the stack's CA behind it", "400")
def borrowed_ca(endpoint: Endpoint) -> Outcome:
    leaf = forged(_another_ca(endpoint), serial=alices_serial(endpoint))
    ours = x509.load_pem_x509_certificate(endpoint.ca_file.read_bytes())
    return predicted(endpoint, shown(leaf, ours))


@case(
    "CERT-10",
    "alice's serial number, signed with the key of bob's certificate",
    "400",
    needs=("stack",),
)
def signed_by_a_client(endpoint: Endpoint) -> Outcome:
    bob = holder(endpoint.bob)
    return predicted(endpoint, shown(forged(bob, serial=alices_serial(endpoint)), bob.certificate))


@case("CERT-11", "from a CA below the stack's, which is not sent", "400", needs=("authority",))
def below_unsent(endpoint: Endpoint) -> Outcome:
    below = forged(endpoint.authority, common_name="CA below", is_ca=True)
    return predicted(endpoint, shown(forged(below, serial=alices_serial(endpoint))))


@case("CERT-12", "from a CA below the stack's, which is sent", "400", needs=("authority",))
def below_sent(endpoint: Endpoint) -> Outcome:
    below = forged(endpoint.authority, common_name="CA below", is_ca=True)
    return predicted(endpoint, shown(forged(below), below.certificate))


@case("CERT-13", "alice's serial number, two CAs below the stack's", "400", needs=("authority",))
def two_below(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, _chain(endpoint, 2))


@case("CERT-14", "alice's serial number, twelve CAs below the stack's", "400", needs=("authority",))
def twelve_below(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, _chain(endpoint, 12))


def _chain(endpoint: Endpoint, length: int) -> Identity:
    issuers = [endpoint.authority]
    for number in range(length):
        issuers.append(forged(issuers[-1], common_name=f"CA {number} below", is_ca=True))
    leaf = forged(issuers[-1], serial=alices_serial(endpoint))
    return shown(leaf, *(issuer.certificate for issuer in reversed(issuers[1:])))


@case("CERT-15", "the CA's own certificate", "400", needs=("authority",))
def the_ca(endpoint: Endpoint) -> Outcome:
    authority = endpoint.authority
    return predicted(
        endpoint, write_identity(endpoint.folder, authority.certificate, authority.key)
    )


@case("CERT-16", "the endpoint's server certificate", "400", needs=("authority",))
def the_server(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, endpoint.server)


# --- until when ----------------------------------------------------------------------------------


@case("CERT-17", "alice's serial number, expired", "400", needs=("authority",))
def expired(endpoint: Endpoint) -> Outcome:
    return _valid(endpoint, timedelta(days=-2), timedelta(seconds=-5))


@case("CERT-18", "alice's serial number, not valid yet", "400", needs=("authority",))
def not_yet(endpoint: Endpoint) -> Outcome:
    return _valid(endpoint, HOUR, 2 * HOUR)


def _valid(endpoint: Endpoint, starts_in: timedelta, ends_in: timedelta) -> Outcome:
    serial = alices_serial(endpoint)
    leaf = forged(endpoint.authority, serial=serial, starts_in=starts_in, ends_in=ends_in)
    return predicted(endpoint, shown(leaf))


@case(
    "CERT-19",
    "a certificate on the list, expiring while a connection is open",
    "before: 200, after on the open connection: 200, after on another: 400",
    reaches=2,
    needs=("authority",),
)
def expiring(endpoint: Endpoint) -> Observed:
    """A certificate is looked at in the handshake only: an open connection outlives it.

    By an hour at most, which is how long nginx keeps any connection (keepalive_time).
    """
    leaf = forged(endpoint.authority, ends_in=timedelta(seconds=3))
    identity = shown(leaf)
    with also_listed(endpoint, leaf) as copy:
        request = copy.request("GET", "/v1/models/demo", None, Connection="keep-alive")
        with copy.connect(identity, context=lenient(copy, identity)) as connection:
            connection.sendall(request)
            before = Answer(connection.recv(65536)).status
            wait_until_expired(leaf)
            connection.sendall(request)
            after = Answer(connection.recv(65536)).status
        another = predicted(copy, identity)
    status = another if isinstance(another, str) else another.status
    return Observed(
        f"before: {before}, after on the open connection: {after}, after on another: {status}"
    )


# --- what for ------------------------------------------------------------------------------------


@case("CERT-20", "alice's serial number, for servers only", "400", needs=("authority",))
def for_servers(endpoint: Endpoint) -> Outcome:
    return _used_for(endpoint, ExtendedKeyUsageOID.SERVER_AUTH)


@case("CERT-21", "alice's serial number, for signing code only", "400", needs=("authority",))
def for_code(endpoint: Endpoint) -> Outcome:
    return _used_for(endpoint, ExtendedKeyUsageOID.CODE_SIGNING)


@case("CERT-22", "alice's serial number, for any use", "400", needs=("authority",))
def for_anything(endpoint: Endpoint) -> Outcome:
    return _used_for(endpoint, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


def _used_for(endpoint: Endpoint, *usages: x509.ObjectIdentifier) -> Outcome:
    leaf = forged(endpoint.authority, serial=alices_serial(endpoint), usages=usages)
    return predicted(endpoint, shown(leaf))


@case("CERT-23", "no use given, a serial number not on the list", "403", needs=("authority",))
def for_nothing_unlisted(endpoint: Endpoint) -> Outcome:
    return predicted(endpoint, shown(forged(endpoint.authority, usages=())))


@case("CERT-24", "alice's serial number, no use given", "403", needs=("authority",))
def for_nothing(endpoint: Endpoint) -> Outcome:
    """No use given means every use (RFC 5280, 4.2.1.12), so only the list is left."""
    return _used_for(endpoint)


@case(
    "CERT-25",
    "alice's serial number, a key that may not sign",
    "400",
    needs=("authority",),
)
def may_not_sign(endpoint: Endpoint) -> Outcome:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return _with(endpoint, usage)


@case(
    "CERT-26",
    "alice's serial number, a critical extension that nobody knows",
    "400",
    needs=("authority",),
)
def unknown_critical(endpoint: Endpoint) -> Outcome:
    unknown = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
    return _with(endpoint, x509.UnrecognizedExtension(unknown, b"\x05\x00"))


def _with(endpoint: Endpoint, extension: x509.ExtensionType) -> Outcome:
    serial = alices_serial(endpoint)
    return predicted(
        endpoint, shown(forged(endpoint.authority, serial=serial, extension=(extension, True)))
    )
