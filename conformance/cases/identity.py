"""NAME: a client of the stack knows the endpoint from everybody else.

Each is seen by two clients, Python's ssl and the `openssl` command, with nothing but the bundle's
`ca.crt`. Servers that are not the endpoint run on this machine for as long as the case lasts.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from conformance.actors.forgery import HOUR, forged, shown
from conformance.actors.openssl import s_client
from conformance.actors.peers import Authority, Endpoint, Identity
from conformance.case import case

_WORDS = {
    7: "unknown CA",  # its name, but not its signature
    9: "not valid yet",
    10: "expired",
    18: "unknown CA",
    19: "unknown CA",
    20: "unknown CA",
    21: "unknown CA",
    26: "not for servers",
    62: "another name",
}
"""What OpenSSL's numbers mean: `X509_V_ERR_…` in openssl/x509_vfy.h."""


def _both(endpoint: Endpoint, name: str | None = None) -> str:
    return f"Python: {_python(endpoint, name)}, openssl: {_openssl(endpoint, name)}"


def _python(endpoint: Endpoint, name: str | None) -> str:
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    try:
        with endpoint.connect(None, context=context, sni=name or endpoint.name):
            return "verified"
    except ssl.SSLCertVerificationError as error:
        return _WORDS.get(error.verify_code, error.verify_message)


def _openssl(endpoint: Endpoint, name: str | None) -> str:
    said = s_client(endpoint, None, "-verify_hostname", name or endpoint.name)
    if found := re.search(r"^verify error:num=(\d+):(.*)$", said, re.MULTILINE):
        return _WORDS.get(int(found[1]), found[2])
    return "verified" if "Verify return code: 0 (ok)" in said else f"no connection: {said}"


def _seen_as(what: str) -> str:
    return f"Python: {what}, openssl: {what}"


# --- the endpoint itself -------------------------------------------------------------------------


@case("NAME-01", "the endpoint, with our CA's bundle and its name", _seen_as("verified"))
def right(endpoint: Endpoint) -> str:
    return _both(endpoint)


@case("NAME-02", "the endpoint, with the bundle of another CA", _seen_as("unknown CA"))
def another_bundle(endpoint: Endpoint) -> str:
    name = x509.Name.from_rfc4514_string("CN=another CA")
    return _with_bundle(endpoint, Authority.new(endpoint.folder, name))


@case("NAME-03", "the endpoint, with the bundle of a CA of the same name", _seen_as("unknown CA"))
def same_name(endpoint: Endpoint) -> str:
    ours = x509.load_pem_x509_certificate(endpoint.ca_file.read_bytes())
    return _with_bundle(endpoint, Authority.new(endpoint.folder, ours.subject))


def _with_bundle(endpoint: Endpoint, authority: Authority) -> str:
    file = endpoint.folder / f"{authority.certificate.serial_number:x}.crt"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return _both(replace(endpoint, ca_file=file))


@case("NAME-04", "the endpoint, which openssl takes for another", "another name")
def endpoint_for_another(endpoint: Endpoint) -> str:
    """What it asks for in the handshake is right, so that the endpoint answers it."""
    return _openssl(endpoint, "other.example")


# --- impostors -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _impostor(endpoint: Endpoint, identity: Identity) -> Iterator[Endpoint]:
    """A server in the endpoint's place, which shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.file)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed: the case is over
                    return
                with connection, contextlib.suppress(OSError):  # the client has gone
                    connection.settimeout(5)
                    context.wrap_socket(connection, server_side=True).unwrap()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield replace(endpoint, port=listener.getsockname()[1], address="127.0.0.1")
        finally:
            with contextlib.suppress(OSError):  # not every system wakes `accept` this way
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _seen(endpoint: Endpoint, identity: Identity, name: str | None = None) -> str:
    with _impostor(endpoint, identity) as impostor:
        return _both(impostor, name)


def _server(
    endpoint: Endpoint,
    issuer: Authority | None = None,
    *,
    starts_in: timedelta = -HOUR,
    ends_in: timedelta = HOUR,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    name: str | None = None,
) -> Identity:
    names = x509.SubjectAlternativeName([x509.DNSName(name or endpoint.name)])
    return shown(
        forged(
            issuer or endpoint.authority,
            common_name=endpoint.name,
            starts_in=starts_in,
            ends_in=ends_in,
            usages=(usage,),
            extension=(names, False),
        )
    )


@case(
    "NAME-05",
    "another server with a certificate that is right in everything",
    _seen_as("verified"),
    needs=("authority",),
)
def control(endpoint: Endpoint) -> str:
    """So what the next ones are refused for is what is wrong with them."""
    return _seen(endpoint, _server(endpoint))


@case(
    "NAME-06",
    "the endpoint's certificate, where another name is expected",
    _seen_as("another name"),
    needs=("authority",),
)
def another_name(endpoint: Endpoint) -> str:
    return _seen(endpoint, endpoint.server, "other.example")


@case(
    "NAME-07",
    "our CA's certificate for another name",
    _seen_as("another name"),
    needs=("authority",),
)
def for_another_name(endpoint: Endpoint) -> str:
    return _seen(endpoint, _server(endpoint, name="other.example"))


@case("NAME-08", "our name, signed by another CA of the same name", _seen_as("unknown CA"))
def another_ca(endpoint: Endpoint) -> str:
    ours = x509.load_pem_x509_certificate(endpoint.ca_file.read_bytes())
    return _seen(endpoint, _server(endpoint, Authority.new(endpoint.folder, ours.subject)))


@case("NAME-09", "our name, expired", _seen_as("expired"), needs=("authority",))
def expired(endpoint: Endpoint) -> str:
    return _seen(
        endpoint,
        _server(endpoint, starts_in=timedelta(days=-2), ends_in=timedelta(seconds=-5)),
    )


@case("NAME-10", "our name, not valid yet", _seen_as("not valid yet"), needs=("authority",))
def not_yet(endpoint: Endpoint) -> str:
    return _seen(endpoint, _server(endpoint, starts_in=HOUR, ends_in=2 * HOUR))


@case(
    "NAME-11",
    "our name in a certificate for clients",
    _seen_as("not for servers"),
    needs=("authority",),
)
def for_clients(endpoint: Endpoint) -> str:
    return _seen(endpoint, _server(endpoint, usage=ExtendedKeyUsageOID.CLIENT_AUTH))


@case("NAME-12", "alice in the endpoint's place", _seen_as("not for servers"))
def alice(endpoint: Endpoint) -> str:
    """With the certificate and key that she has."""
    return _seen(endpoint, endpoint.alice)
