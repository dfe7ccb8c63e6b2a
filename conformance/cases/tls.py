"""TLS-01 to TLS-18: versions, suites and names that the endpoint agrees to, and what it refuses."""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import subprocess

from conformance.actors.handshake import REFUSED, lenient, predicted
from conformance.actors.openssl import s_client, status_in
from conformance.actors.peers import Answer, Endpoint, read_all
from conformance.case import case

# --- versions ------------------------------------------------------------------------------------


@case("TLS-01", "SSL 3.0", REFUSED)
def ssl_3(endpoint: Endpoint) -> str:
    return _greeted(endpoint, 0x0300)


@case("TLS-02", "TLS 1.0", REFUSED)
def tls_1_0(endpoint: Endpoint) -> str:
    return _greeted(endpoint, 0x0301)


@case("TLS-03", "TLS 1.1", REFUSED)
def tls_1_1(endpoint: Endpoint) -> str:
    return _greeted(endpoint, 0x0302)


@case("TLS-04", "TLS 1.2, in the same words as the older ones", "agreed to 1.2")
def tls_1_2_by_hand(endpoint: Endpoint) -> str:
    """So what the others are refused for is their version."""
    return _greeted(endpoint, 0x0303)


def _greeted(endpoint: Endpoint, version: int) -> str:
    """Say hello as a client of an old version would: current libraries no longer can."""
    with socket.create_connection((endpoint.address, endpoint.port), timeout=10) as plain:
        plain.sendall(_hello(version, endpoint.name.encode()))
        answer = plain.recv(65536)
    if answer[:1] == _ALERT:
        return REFUSED
    assert answer[:1] == _HANDSHAKE, answer
    return f"agreed to 1.{answer[10] - 1}"


_ALERT, _HANDSHAKE = b"\x15", b"\x16"
_SUITES = (
    0xC02B,  # ECDHE-ECDSA-AES128-GCM-SHA256, since TLS 1.2
    0xC009,  # ECDHE-ECDSA-AES128-SHA, before it
    0xC008,  # ECDHE-ECDSA-DES-CBC3-SHA
    0x002F,  # AES128-SHA
    0x000A,  # DES-CBC3-SHA
)


def _hello(version: int, name: bytes) -> bytes:
    def sized(form: str, content: bytes) -> bytes:
        return struct.pack(form, len(content)) + content

    server_name = sized(">H", b"\x00" + sized(">H", name))
    extensions = b"".join(
        struct.pack(">H", kind) + sized(">H", content)
        for kind, content in (
            (0, server_name),
            (10, sized(">H", b"\x00\x1d\x00\x17")),  # X25519, P-256
            (11, b"\x01\x00"),  # points as they are
            (13, sized(">H", b"\x04\x03\x02\x03\x04\x01")),  # ECDSA with SHA-256, SHA-1; RSA
        )
    )
    suites = b"".join(struct.pack(">H", suite) for suite in _SUITES)
    # A random number, no session, the suites, no compression.
    body = struct.pack(">H", version) + os.urandom(32) + b"\x00" + sized(">H", suites) + b"\x01\x00"
    body += sized(">H", extensions)
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return _HANDSHAKE + struct.pack(">H", min(version, 0x0301)) + sized(">H", message)


@case("TLS-05", "TLS 1.2", "TLSv1.2, 200", reaches=1)
def tls_1_2(endpoint: Endpoint) -> str:
    return _spoken(endpoint, ssl.TLSVersion.TLSv1_2)


@case("TLS-06", "TLS 1.3", "TLSv1.3, 200", reaches=1)
def tls_1_3(endpoint: Endpoint) -> str:
    return _spoken(endpoint, ssl.TLSVersion.TLSv1_3)


def _spoken(endpoint: Endpoint, version: ssl.TLSVersion) -> str:
    context = lenient(endpoint, endpoint.alice, version)
    with endpoint.connect(None, context=context) as connection:
        connection.sendall(endpoint.request("GET", "/v1/models/demo"))
        return f"{connection.version()}, {Answer(read_all(connection)).status}"


# --- suites --------------------------------------------------------------------------------------


@case(
    "TLS-07",
    "every suite of TLS 1.2 that OpenSSL knows, one by one",
    "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305",
)
def suites_1_2(endpoint: Endpoint) -> str:
    """Mozilla's intermediate list without DHE; RSA suites do not fit the server's key."""
    accepted = []
    known = _known_suites()
    assert len(known) > 50, known
    for suite in known:
        context = lenient(endpoint, None, ssl.TLSVersion.TLSv1_2, suite)
        try:
            with endpoint.connect(None, context=context):
                accepted.append(suite)
        except ssl.SSLError as error:
            # The other reason is the client's own: a suite that it knows, but cannot speak.
            if error.reason not in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE"):
                raise
    return " ".join(sorted(accepted))


def _known_suites() -> list[str]:
    command = ["openssl", "ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    return [name for name in listed.strip().split(":") if not name.startswith("TLS_")]


@case("TLS-08", "TLS 1.3 with a suite that has a short tag", "alert handshake failure")
def short_tag(endpoint: Endpoint) -> str:
    return _alert(
        s_client(endpoint, endpoint.alice, "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256")
    )


@case("TLS-09", "keys agreed on in P-521", "alert handshake failure")
def p_521(endpoint: Endpoint) -> str:
    return _alert(s_client(endpoint, endpoint.alice, "-tls1_3", "-groups", "P-521"))


@case("TLS-10", "keys agreed on in a finite field of 2048 bits", "alert handshake failure")
def ffdhe(endpoint: Endpoint) -> str:
    return _alert(s_client(endpoint, endpoint.alice, "-tls1_3", "-groups", "ffdhe2048"))


def _alert(said: str) -> str:
    found = re.search(r"(alert [a-z ]+?)(:|$)", said, re.MULTILINE)
    return found[1] if found else f"no alert, {status_in(said)}"


# --- within a connection -------------------------------------------------------------------------


@case("TLS-11", "a renegotiation that the client asks for", "refused, no answer")
def renegotiation(endpoint: Endpoint) -> str:
    said = s_client(
        endpoint,
        endpoint.alice,
        "-tls1_2",
        "-no_ign_eof",
        request=b"R\n" + endpoint.request("GET", "/v1/models/demo"),
    )
    assert "RENEGOTIATING" in said, said
    refused = "no renegotiation" in said or "unexpected eof" in said
    return f"{'refused' if refused else 'granted'}, {_answer(said)}"


def _answer(said: str) -> str:
    status = status_in(said)
    return "no answer" if status == "none" else status


@case("TLS-12", "compression", "Compression: NONE, 200", reaches=1)
def compression(endpoint: Endpoint) -> str:
    said = s_client(endpoint, endpoint.alice, "-tls1_2", "-comp", "-cipher", "ALL:@SECLEVEL=0")
    found = re.search(r"^Compression: .*$", said, re.MULTILINE)
    return f"{found[0] if found else 'no connection'}, {status_in(said)}"


# --- names ---------------------------------------------------------------------------------------


@case("TLS-13", "no server name in the handshake", REFUSED)
def no_name(endpoint: Endpoint) -> Answer | str:
    return _named(endpoint, None)


@case("TLS-14", "another server name in the handshake", REFUSED)
def another_name(endpoint: Endpoint) -> Answer | str:
    return _named(endpoint, "other.example")


@case("TLS-15", "a server name that begins with the endpoint's", REFUSED)
def longer_name(endpoint: Endpoint) -> Answer | str:
    return _named(endpoint, f"{endpoint.name}.example.com")


def _named(endpoint: Endpoint, name: str | None) -> Answer | str:
    context = lenient(endpoint, endpoint.alice)
    context.check_hostname = False  # wrong on purpose; the chain is still verified
    return predicted(endpoint, endpoint.alice, context, name)


@case("TLS-16", "HTTP/2 or 1.1, as the endpoint likes", "http/1.1, 200", reaches=1)
def either(endpoint: Endpoint) -> str:
    context = lenient(endpoint, endpoint.alice)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with endpoint.connect(None, context=context) as connection:
        connection.sendall(endpoint.request("GET", "/v1/models/demo"))
        return f"{connection.selected_alpn_protocol()}, {Answer(read_all(connection)).status}"


@case("TLS-17", "HTTP/2 and nothing else", REFUSED)
def http_2_only(endpoint: Endpoint) -> Answer | str:
    context = lenient(endpoint, endpoint.alice)
    context.set_alpn_protocols(["h2"])
    return predicted(endpoint, endpoint.alice, context)


@case("TLS-18", "plain HTTP", "400")
def plain_http(endpoint: Endpoint) -> Answer:
    with socket.create_connection((endpoint.address, endpoint.port), timeout=10) as plain:
        plain.sendall(endpoint.request("POST", "/v1/models/demo:predict", b"{}"))
        return Answer(read_all(plain))
