"""Bodies: whole and in time they reach the model, otherwise it never hears of them."""

from __future__ import annotations

import json
import time

import pytest

from components.nginx_sidecar import connections_per_client
from conformance.peers import Endpoint, read_all

LIMIT = 8 * 1024 * 1024
PATH = "/v1/models/demo:predict"


def padded(size: int) -> bytes:
    """A request body of exactly `size` bytes that the model accepts."""
    body = b'{"instances": [[10.0], [9.0]]'
    return body + b" " * (size - len(body) - 1) + b"}"


def test_a_body_at_the_limit_is_predicted(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(endpoint.alice, padded(LIMIT))

    assert json.loads(answer.body) == {"predictions": [[19.0], [17.0]]}
    assert len(arrived) == 1


def test_a_byte_more_is_refused(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(
            endpoint.alice, endpoint.request("POST", PATH, b"x" * (LIMIT + 1))[:2000]
        )

    assert (answer.status, arrived) == (413, [])
    assert answer.error == "the request body is larger than 8 MB"


def test_a_chunked_body_is_predicted_and_a_chunked_flood_refused(endpoint: Endpoint) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b'{"instances": [[1.0]]}'
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    flood = b"%x\r\n%s\r\n" % (1024 * 1024, b" " * 1024 * 1024)

    with endpoint.reaching_model() as arrived:
        good = endpoint.send(endpoint.alice, head.encode() + chunk + b"0\r\n\r\n")
        refused = endpoint.send(endpoint.alice, head.encode() + flood * 9 + b"0\r\n\r\n")

    assert json.loads(good.body) == {"predictions": [[1.0]]}
    assert refused.status in (0, 413)  # it may close before we have sent all of it
    assert len(arrived) == 1


def test_what_the_model_says_of_a_broken_body_arrives_as_it_was_said(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(endpoint.alice, b'{"instances": [[')

    assert answer.status == 400
    assert "JSON" in answer.error
    assert len(arrived) == 1


GOOD = b'{"instances": [[1.0]]}'


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        pytest.param("Content-Length: -1", GOOD, id="negative length"),
        pytest.param("Content-Length: 0x10", GOOD, id="hexadecimal length"),
        pytest.param("Content-Length: 22, 22", GOOD, id="a list of lengths"),
        pytest.param("Content-Length: 22\r\nContent-Length: 5", GOOD, id="two lengths"),
        pytest.param("Content-Length: 99999999999999999999", GOOD, id="a length beyond 64 bits"),
        pytest.param(
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            b"16\r\n" + GOOD + b"\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"16\r\n" + GOOD + b"\r\n0\r\n\r\n",
            id="two encodings",
        ),
        pytest.param("Transfer-Encoding: xchunked", GOOD, id="unknown encoding"),
        pytest.param(
            "Transfer-Encoding: chunked", b"zz\r\n" + GOOD, id="a chunk that is no number"
        ),
        pytest.param("Transfer-Encoding: chunked", b"-1\r\n" + GOOD, id="a negative chunk"),
        pytest.param(
            "Transfer-Encoding: chunked", b"FFFFFFFFFFFFFFFF1\r\n" + GOOD, id="an endless chunk"
        ),
    ],
)
def test_bodies_whose_length_is_in_doubt_are_refused(
    endpoint: Endpoint, fields: str, body: bytes
) -> None:
    smuggled = f"GET /v1/models/demo/metadata HTTP/1.1\r\nHost: {endpoint.host}\r\n\r\n".encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: {endpoint.host}\r\n{fields}\r\n\r\n".encode()

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, head + body + smuggled)

    assert answer.status in (0, 400, 413, 501)
    assert arrived == []


def test_a_body_that_ends_early_never_reaches_the_model(endpoint: Endpoint) -> None:
    request = endpoint.request("POST", PATH, padded(100_000))

    with endpoint.reaching_model() as arrived, endpoint.connect(endpoint.alice) as connection:
        connection.sendall(request[: len(request) // 2])

    assert arrived == []


def test_a_body_that_stops_coming_is_closed_in_time(endpoint: Endpoint) -> None:
    request = endpoint.request("POST", PATH, padded(100_000))
    started = time.monotonic()

    with endpoint.reaching_model() as arrived, endpoint.connect(endpoint.alice) as connection:
        connection.settimeout(30)
        connection.sendall(request[:-10])
        answer = read_all(connection)

    assert 8 < time.monotonic() - started < 20
    assert answer == b"" or b" 408 " in answer
    assert arrived == []


def test_one_client_cannot_hold_more_than_its_share_with_slow_bodies(endpoint: Endpoint) -> None:
    """A byte a second keeps a body alive for ever, so their number is limited for each client."""
    request = endpoint.request("POST", PATH, padded(1000))
    held = []
    try:
        for _ in range(connections_per_client(0.5, 8) + 5):
            connection = endpoint.connect(endpoint.alice)
            connection.sendall(request[:-500])
            held.append(connection)
        time.sleep(0.5)
        refused = endpoint.predict(endpoint.alice)
        other = endpoint.predict(endpoint.bob)
    finally:
        for connection in held:
            connection.close()

    assert refused.status == 429
    assert refused.error == "too many connections at once with this client certificate"
    assert other.status == 200
