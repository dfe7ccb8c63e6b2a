"""Whatever goes wrong, the answer is a sentence in JSON under the right status, and is logged.

The statuses are those that nginx gives itself, and each is provoked in a way of its own: what
cannot be parsed takes another way through nginx than what is refused.
"""

from __future__ import annotations

import json
import socket

import pytest

from conformance.actors.access_log import logged
from conformance.actors.peers import Answer, Endpoint, read_all

PREDICT = "/v1/models/demo:predict"
HSTS = "max-age=63072000"


def closing(raw: bytes) -> bytes:
    """The same request, asking for the connection to be closed after it."""
    head, end, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\nConnection: close" * (b"Host:" in head) + end + body


REFUSALS = [
    pytest.param(b"GET /v1/models/demo%00 HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="NUL, encoded"),
    pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="NUL"),
    pytest.param(b"GET /\x1b[31m HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="escape sequence"),
    pytest.param(b"GET /%zz HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="broken encoding"),
    pytest.param(b"GET /../x HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="above the root"),
    pytest.param(b"GET /%2e%2e/x HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="above, encoded"),
    pytest.param(b"GET \\x HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="backslash"),
    pytest.param(b"get / HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="method in small letters"),
    pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="asterisk"),
    pytest.param(b"CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="CONNECT"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2 preface"),
    pytest.param(b"GET / http/1.1\r\nHost: HOST\r\n\r\n", 400, id="protocol in small letters"),
    pytest.param(b"GET /x y HTTP/1.1\r\nHost: HOST\r\n\r\n", (400, 404), id="space"),
    pytest.param(b"\x16\x03\x01 HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, id="no text"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n", 400, id="two Hosts"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, id="empty Host"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: HOST\r\nX\x00: 1\r\n\r\n", 400, id="NUL in a header"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: HOST\r\nX: 1\r\n 2\r\n\r\n", 400, id="folded header"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, id="no such path"),
    pytest.param(b"GET https://HOST/v1/models/demo HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, id="URL"),
    pytest.param(b"GET /v1/models/demo HTTP/1.9\r\nHost: HOST\r\n\r\n", 404, id="HTTP/1.9"),
    pytest.param(b"GET /_error HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, id="the error page itself"),
    pytest.param(b"PUT /v1/models/demo HTTP/1.1\r\nHost: HOST\r\n\r\n", 405, id="wrong method"),
    pytest.param(
        f"POST {PREDICT} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999\r\n\r\n".encode(),
        413,
        id="a body too large",
    ),
    pytest.param(b"GET /%b HTTP/1.1\r\nHost: HOST\r\n\r\n" % (b"a" * 40_000), 414, id="long URI"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: HOST:80\r\n\r\n", (400, 421), id="another port"),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: %b\r\n\r\n" % (b"a" * 40_000), 431, id="huge header"
    ),
    pytest.param(
        b"GET / HTTP/1.1\r\nHost: HOST\r\n%b\r\n" % (b"X: 1\r\n" * 30_000), 431, id="many headers"
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip\r\n\r\n",
        501,
        id="unknown transfer encoding",
    ),
    pytest.param(b"GET / HTTP/2.0\r\nHost: HOST\r\n\r\n", 505, id="HTTP/2.0"),
]


@pytest.mark.parametrize(("raw", "status"), REFUSALS)
def test_a_refusal_is_a_sentence_in_json_and_a_line_in_the_log(
    endpoint: Endpoint, raw: bytes, status: int | tuple[int, ...]
) -> None:
    host = endpoint.name if b"HOST." in raw or b"HOST:" in raw else endpoint.host

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, closing(raw.replace(b"HOST", host.encode())))

    assert arrived == []
    assert answer.status in ((status,) if isinstance(status, int) else status)
    assert list(json.loads(answer.body)) == ["error"]
    assert len(answer.error) > 15
    assert answer.error != "the request was refused"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["strict-transport-security"] == HSTS
    assert answer.headers["server"] == "nginx"
    line = logged(endpoint, answer)
    assert (line["status"], line["client_name"]) == (answer.status, "alice")
    assert line["client_serial"] == endpoint.serials["alice"]
    assert (line["model_status"], line["model_seconds"]) == ("", "")


def test_who_shows_no_certificate_gets_the_same_headers_and_a_line(endpoint: Endpoint) -> None:
    answer = endpoint.get(None)

    assert answer.headers["strict-transport-security"] == HSTS
    assert answer.headers["content-type"] == "application/json"
    line = logged(endpoint, answer)
    assert (line["status"], line["client_verify"], line["client_name"]) == (400, "NONE", "")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET /v1/models/demo HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"GET /v1/models/demo HTTP/1.0\r\n\r\n", id="no Host, HTTP/1.0"),
        pytest.param(b"GET /v1/models/demo HTTP/1.1\r\nHost: \xff\r\n\r\n", id="no text in Host"),
        pytest.param(b"GET /v1/models/demo HTTP/1.1\r\nHost: [::1]\r\n\r\n", id="an address"),
        pytest.param(b"GET /v1/models/demo HTTP/1.1\r\nHost: a,b\r\n\r\n", id="two in one"),
        pytest.param(b"GET /v1/models/demo\r\n", id="HTTP/0.9"),
        pytest.param(b"GET http://evil/v1/models/demo HTTP/1.1\r\nHost: HOST\r\n\r\n", id="URL"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_who_does_not_name_the_endpoint_is_closed_without_a_word(
    endpoint: Endpoint, raw: bytes, known: bool
) -> None:
    identity = endpoint.alice if known else None

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(identity, raw.replace(b"HOST", endpoint.host.encode()))

    assert answer.raw == b""
    assert arrived == []


def plainly(endpoint: Endpoint, data: bytes) -> Answer:
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as plain:
        plain.sendall(data)
        return Answer(read_all(plain))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", id="another Host"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"\x00\x01\x02\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET /../ HTTP/1.1\r\nHost: HOST\r\n\r\n", id="what cannot be parsed"),
        pytest.param(b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 40_000), id="long URI"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="SSH"),
    ],
)
def test_who_speaks_neither_tls_nor_to_us_is_closed_without_a_word(
    endpoint: Endpoint, raw: bytes
) -> None:
    with endpoint.reaching_model() as arrived:
        answer = plainly(endpoint, raw.replace(b"HOST", endpoint.host.encode()))

    assert answer.raw == b""
    assert arrived == []


def test_strict_transport_security_is_not_sent_without_tls(endpoint: Endpoint) -> None:
    """RFC 6797, section 7.2: it must not be."""
    answer = plainly(endpoint, endpoint.request("GET", "/v1/models/demo"))

    assert answer.error == "this port speaks TLS only: use https"
    assert "strict-transport-security" not in answer.headers
