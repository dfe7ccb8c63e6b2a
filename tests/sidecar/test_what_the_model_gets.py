"""Byte for byte what reaches the model: one way to write each request, however it came."""

from __future__ import annotations

import gzip
import json

import pytest

from conformance.actors.peers import read_all
from conformance.actors.witness import Arrived, Witness

PREDICT = "/v1/models/demo:predict"
BODY = b'{"instances": [[10.0], [9.0]]}'


def sent(witness: Witness, *fields: str, body: bytes = BODY, length: bool = True) -> Arrived:
    """What arrives of a prediction that is asked for with these header lines as well."""
    lines = [f"POST {PREDICT} HTTP/1.1", f"Host: {witness.endpoint.host}", "Connection: close"]
    lines += [f"Content-Length: {len(body)}"] * length + list(fields)
    raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
    answer = witness.endpoint.send(witness.endpoint.alice, raw)
    assert answer.status == 200, answer.raw
    (arrived,) = witness.model.arrived
    assert answer.headers["x-request-id"] == dict(arrived.headers)["X-Request-ID"]
    return arrived


def test_exactly_these_headers_arrive_however_many_are_sent(witness: Witness) -> None:
    arrived = sent(
        witness,
        "Content-Type: application/json",
        "Accept: application/json",
        "X-Client-Name: bob",
        "x-client-serial: 00",
        "X_Client_Name: bob",
        "X-Request-ID: mine",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Host: evil",
        "X-Forwarded-Proto: http",
        "X-Real-IP: 10.0.0.1",
        "Forwarded: for=10.0.0.1;host=evil",
        "X-Original-URL: /docs",
        "X-Rewrite-URL: /docs",
        "X-HTTP-Method-Override: DELETE",
        "X-Http-Method: DELETE",
        "Authorization: Bearer x",
        "Proxy-Authorization: Basic eDp5",
        "Cookie: a=b",
        "Origin: https://evil",
        "Referer: https://evil/",
        "User-Agent: evil",
        "Range: bytes=0-1",
        "If-None-Match: *",
        "Accept-Encoding: gzip",
        "Upgrade: websocket",
        "Expect: nothing-sensible",
        "TE: trailers",
        "Keep-Alive: timeout=600",
        "Via: 1.1 evil",
        "Proxy: http://evil",
    )

    assert arrived.line == f"POST {PREDICT} HTTP/1.1"
    assert arrived.body == BODY
    serial = witness.endpoint.serials["alice"]
    request_id = dict(arrived.headers)["X-Request-ID"]
    assert len(request_id) == 32
    assert arrived.headers == [
        ("Host", "localhost"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("X-Client-Name", "alice"),
        ("X-Client-Serial", serial),
        ("X-Request-ID", request_id),
        ("Content-Length", str(len(BODY))),
    ]


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("Accept: a\nX-Client-Name: bob", id="line feed"),
        pytest.param("Accept: a\x0bX-Client-Name: bob", id="vertical tab"),
        pytest.param("Accept: a\x85X-Client-Name: bob", id="next line"),
        pytest.param("Accept: a\r\nAccept: b\r\nX-Client-Name: bob", id="twice"),
    ],
)
def test_a_header_that_goes_on_cannot_carry_another(witness: Witness, field: str) -> None:
    arrived = sent(witness, field)

    assert [name for name, _ in arrived.headers] == [
        "Host",
        "Accept",
        "X-Client-Name",
        "X-Client-Serial",
        "X-Request-ID",
        "Content-Length",
    ]
    assert dict(arrived.headers)["X-Client-Name"] == "alice"


@pytest.mark.parametrize("break_", ["\r", "\r\r", "\x00", "\r\n "])
def test_a_header_with_a_break_in_it_is_refused(witness: Witness, break_: str) -> None:
    endpoint = witness.endpoint

    answer = endpoint.get(endpoint.alice, Accept=f"a{break_}X-Client-Name: bob")

    assert (answer.status, answer.error) == (400, "the request is malformed")
    assert witness.model.arrived == []


@pytest.mark.parametrize(
    "framed",
    [
        pytest.param(b"1e\r\n" + BODY + b"\r\n0\r\n\r\n", id="one chunk"),
        pytest.param(b"1E\r\n" + BODY + b"\r\n0000\r\n\r\n", id="capital and padded"),
        pytest.param(b"1e;name=value\r\n" + BODY + b"\r\n0\r\n\r\n", id="chunk extension"),
        pytest.param(b"1e\n" + BODY + b"\n0\n\n", id="line feeds"),
        pytest.param(
            b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n", id="a byte in each chunk"
        ),
        pytest.param(
            b"1e\r\n" + BODY + b"\r\n0\r\nX-Client-Name: bob\r\nHost: evil\r\n\r\n", id="trailers"
        ),
    ],
)
def test_a_chunked_body_arrives_whole_with_its_length_and_nothing_else(
    witness: Witness, framed: bytes
) -> None:
    arrived = sent(witness, "Transfer-Encoding: chunked", body=framed, length=False)

    assert arrived.body == BODY
    names = [name for name, _ in arrived.headers]
    assert names.count("Content-Length") == 1
    assert "Transfer-Encoding" not in names
    assert dict(arrived.headers)["X-Client-Name"] == "alice"


def test_a_compressed_body_arrives_as_the_bytes_it_is(witness: Witness) -> None:
    """The model unpacks it, within bounds of its own."""
    packed = gzip.compress(BODY)

    arrived = sent(witness, "Content-Encoding: gzip", body=packed)

    assert arrived.body == packed
    assert dict(arrived.headers)["Content-Encoding"] == "gzip"


def test_where_binary_tensors_begin_is_handed_on(witness: Witness) -> None:
    arrived = sent(witness, "Inference-Header-Content-Length: 7")

    assert dict(arrived.headers)["Inference-Header-Content-Length"] == "7"


def test_a_request_inside_a_body_stays_a_body(witness: Witness) -> None:
    inner = f"GET /docs HTTP/1.1\r\nHost: {witness.endpoint.host}\r\n\r\n".encode()

    arrived = sent(witness, body=inner)

    assert arrived.body == inner
    assert len(witness.model.arrived) == 1


def test_requests_on_one_connection_are_each_looked_at(witness: Witness) -> None:
    """A good one in front opens nothing for those behind it, sent in the same packet or not."""
    endpoint = witness.endpoint
    head = f"Host: {endpoint.host}\r\n"
    good = f"GET /v1/models/demo HTTP/1.1\r\n{head}\r\n"
    bad = f"GET /docs HTTP/1.1\r\n{head}X-Client-Name: bob\r\n\r\n"
    elsewhere = "GET /v1/models/demo HTTP/1.1\r\nHost: evil\r\n\r\n"

    answer = endpoint.send(endpoint.alice, (good + bad + good + elsewhere + good).encode())

    statuses = [int(part[:3]) for part in answer.raw.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 200]
    assert [a.line for a in witness.model.arrived] == ["GET /v1/models/demo HTTP/1.1"] * 2


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("Content-Length: 0", id="no body"),
        pytest.param("Transfer_Encoding: chunked", id="a header that nobody knows"),
        pytest.param("Transfer-Encoding: chunked", id="an empty chunked body"),
    ],
)
def test_what_follows_a_request_is_the_next_request_to_both(witness: Witness, second: str) -> None:
    """If model and sidecar disagreed on where it ends, this would be a request nobody checked."""
    endpoint = witness.endpoint
    empty = b"0\r\n\r\n" if second == "Transfer-Encoding: chunked" else b""
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: {endpoint.host}\r\n{second}\r\n\r\n".encode()
    behind = f"GET /docs HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n\r\n".encode()

    answer = endpoint.send(endpoint.alice, head + empty + behind)

    assert [int(part[:3]) for part in answer.raw.split(b"HTTP/1.1 ")[1:]] == [200, 404]
    assert [(a.line, a.body) for a in witness.model.arrived] == [(f"POST {PREDICT} HTTP/1.1", b"")]


def test_half_a_body_is_kept_from_the_model(witness: Witness) -> None:
    endpoint = witness.endpoint
    request = endpoint.request("POST", PREDICT, BODY)

    with endpoint.connect(endpoint.alice) as connection:
        connection.sendall(request[:-1])
    assert endpoint.predict(endpoint.bob).status == 200

    assert [dict(a.headers)["X-Client-Name"] for a in witness.model.arrived] == ["bob"]
    assert witness.model.connections == 1


def test_connections_to_the_model_are_kept_for_the_next_request(witness: Witness) -> None:
    for _ in range(10):
        assert witness.endpoint.predict(witness.endpoint.alice).status == 200

    assert witness.model.connections == 1


def test_an_answer_of_the_model_arrives_as_it_was_given(witness: Witness) -> None:
    body = json.dumps({"error": "no such version"}).encode()
    witness.model.answer = (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nServer: uvicorn/1.2\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )

    answer = witness.endpoint.predict(witness.endpoint.alice)

    assert (answer.status, answer.body) == (404, body)
    assert answer.headers["server"] == "nginx"
    assert answer.headers["strict-transport-security"] == "max-age=63072000"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, id="endless headers"),
    ],
)
def test_a_model_that_fails_is_a_502_that_says_so(witness: Witness, given: bytes) -> None:
    witness.model.answer = given

    answer = witness.endpoint.predict(witness.endpoint.alice)

    assert answer.status == 502
    assert answer.error == "the model server does not answer"
    assert answer.headers["content-type"] == "application/json"
    # A prediction is not asked for a second time behind the client's back.
    assert len(witness.model.arrived) == 1


def test_a_model_that_comes_back_is_asked_again_at_once(witness: Witness) -> None:
    endpoint = witness.endpoint
    witness.model.answer = b""
    assert endpoint.predict(endpoint.alice).status == 502

    witness.model.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    assert [endpoint.predict(endpoint.alice).status for _ in range(3)] == [200, 200, 200]


def test_idle_connections_hold_nothing_of_the_model(witness: Witness) -> None:
    endpoint = witness.endpoint
    with endpoint.connect(endpoint.alice) as first, endpoint.connect(endpoint.bob) as second:
        first.settimeout(0.2)
        second.settimeout(0.2)
        assert read_all(first) + read_all(second) == b""

    assert witness.model.connections == 0
