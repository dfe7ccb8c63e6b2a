"""RESUME: every connection begins with a whole handshake, so every certificate is looked at.

A resumed session would let a client in without that, after its certificate has expired or was
taken off the list.
"""

from __future__ import annotations

import ssl
from datetime import timedelta

from conformance.actors.forgery import also_listed, forged, shown, wait_until_expired
from conformance.actors.handshake import lenient
from conformance.actors.openssl import s_client, status_in
from conformance.actors.peers import Answer, Endpoint, read_all, write_private
from conformance.case import Observed, case


@case("RESUME-01", "a session of TLS 1.2, by its id", "new session, 200", reaches=2)
def by_id(endpoint: Endpoint) -> str:
    context = lenient(endpoint, endpoint.alice, ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    return _twice(endpoint, context)


@case("RESUME-02", "a session of TLS 1.2, by its ticket", "new session, 200", reaches=2)
def by_ticket(endpoint: Endpoint) -> str:
    return _twice(endpoint, lenient(endpoint, endpoint.alice, ssl.TLSVersion.TLSv1_2))


@case("RESUME-03", "a session of TLS 1.3, by its pre-shared key", "new session, 200", reaches=2)
def by_key(endpoint: Endpoint) -> str:
    return _twice(endpoint, lenient(endpoint, endpoint.alice, ssl.TLSVersion.TLSv1_3))


def _twice(endpoint: Endpoint, context: ssl.SSLContext) -> str:
    _, session = _asked(endpoint, context)
    observed, _ = _asked(endpoint, context, session)
    return observed


@case(
    "RESUME-04",
    "a session of TLS 1.2 whose certificate, on the list, has expired since",
    "new session, 400",
    reaches=1,
    needs=("authority",),
)
def expired_1_2(endpoint: Endpoint) -> Observed:
    return _expired(endpoint, ssl.TLSVersion.TLSv1_2)


@case(
    "RESUME-05",
    "a session of TLS 1.3 whose certificate, on the list, has expired since",
    "new session, 400",
    reaches=1,
    needs=("authority",),
)
def expired_1_3(endpoint: Endpoint) -> Observed:
    return _expired(endpoint, ssl.TLSVersion.TLSv1_3)


def _expired(endpoint: Endpoint, version: ssl.TLSVersion) -> Observed:
    leaf = forged(endpoint.authority, ends_in=timedelta(seconds=3))
    identity = shown(leaf)
    context = lenient(endpoint, identity, version)
    with also_listed(endpoint, leaf) as copy:
        before, session = _asked(copy, context)
        wait_until_expired(leaf)
        observed, _ = _asked(copy, context, session)
    return Observed(observed, note=f"before it expired: {before}")


@case(
    "RESUME-06",
    "alice's session of TLS 1.3, brought back without a certificate",
    "new session, 400",
    reaches=1,
)
def without_certificate(endpoint: Endpoint) -> str:
    kept = endpoint.folder / "session.pem"
    write_private(kept, b"")
    s_client(endpoint, endpoint.alice, "-tls1_3", "-sess_out", str(kept))
    assert kept.stat().st_size, "OpenSSL has kept no session to come back with"
    said = s_client(endpoint, None, "-tls1_3", "-sess_in", str(kept))
    kept.unlink()
    return f"{'resumed' if 'Reused, TLS' in said else 'new session'}, {status_in(said)}"


def _asked(
    endpoint: Endpoint, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[str, ssl.SSLSession | None]:
    with endpoint.connect(None, context=context, session=session) as connection:
        connection.sendall(endpoint.request("GET", "/v1/models/demo"))
        status = Answer(read_all(connection)).status
        kind = "resumed" if connection.session_reused else "new session"
        return f"{kind}, {status}", connection.session
