"""Connections whose end may already be in the handshake, told apart from an answer."""

from __future__ import annotations

import contextlib
import ssl

from conformance.actors.peers import OUR_NAME, Answer, Endpoint, Identity

REFUSED = "handshake refused"


def lenient(
    endpoint: Endpoint,
    identity: Identity | None,
    version: ssl.TLSVersion | None = None,
    ciphers: str = "DEFAULT",
) -> ssl.SSLContext:
    """A client that shows what others would not, so that it is the endpoint that decides.

    It verifies the endpoint like every other.
    """
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    if version:
        context.minimum_version = context.maximum_version = version
    if identity:
        context.load_cert_chain(identity.file)
    return context


def predicted(
    endpoint: Endpoint,
    identity: Identity | None,
    context: ssl.SSLContext | None = None,
    sni: str | None = OUR_NAME,
) -> Answer | str:
    """Ask for a prediction; the answer, or that the endpoint refused the handshake.

    Over TLS 1.3 a client thinks that it is through before the endpoint has seen its certificate,
    so the refusal may come where the answer is read. Whatever else fails is an error of its own.
    """
    request = endpoint.request("POST", "/v1/models/demo:predict", b'{"instances": [[10.0]]}')
    context = context or lenient(endpoint, identity)
    try:
        connection = endpoint.connect(identity, context=context, sni=sni)
    except (ConnectionResetError, BrokenPipeError):  # while it was being shown something
        return REFUSED
    except ssl.SSLError as error:
        return _refusal(error)
    try:
        with connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            return Answer(_read(connection))
    except ssl.SSLError as error:
        return _refusal(error)


def _refusal(error: ssl.SSLError) -> str:
    """Only what the other side said is a refusal; OpenSSL calls one of the alerts otherwise."""
    if "alert" in str(error).lower() or error.reason == "TLSV1_UNRECOGNIZED_NAME":
        return REFUSED
    raise error


def _read(connection: ssl.SSLSocket) -> bytes:
    chunks = []
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks)
