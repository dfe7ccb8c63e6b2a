"""The limit on a body is the same however it is sent."""

from __future__ import annotations

import json

import pytest

from conformance.actors.access_log import written
from conformance.actors.peers import Endpoint

PREDICT = "/v1/models/demo:predict"
LIMIT = 8 * 1024 * 1024
"""Bytes; `maxRequestBodyInMB` is not set in Pulumi.local.yaml, and 8 unless it is."""


def chunked(endpoint: Endpoint, size: int, chunk: int) -> bytes:
    """A prediction with a body of `size` bytes, most of them blanks."""
    start = b'{"instances": [[10.0], [9.0]]'
    body = start.ljust(size - 1) + b"}"
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    parts = [body[i : i + chunk] for i in range(0, size, chunk)]
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in [*parts, b""])


@pytest.mark.parametrize("chunk", [LIMIT, 64 * 1024, 1000])
def test_a_chunked_body_at_the_limit_is_predicted(endpoint: Endpoint, chunk: int) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, chunked(endpoint, LIMIT, chunk))

    assert answer.status == 200, answer.raw
    assert json.loads(answer.body) == {"predictions": [[19.0], [17.0]]}
    assert len(arrived) == 1


@pytest.mark.parametrize("chunk", [LIMIT, 64 * 1024, 1000])
def test_a_chunked_body_of_a_byte_more_is_refused(endpoint: Endpoint, chunk: int) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, chunked(endpoint, LIMIT + 1, chunk))

    assert answer.status == 413
    assert answer.error == "the request body is larger than 8 MB"
    assert arrived == []


def test_an_ordinary_body_is_never_written_to_disk(endpoint: Endpoint) -> None:
    """When it is, nginx says so with a line of its own in the log."""
    size = endpoint.access_log.stat().st_size
    for chunk in (1024**2, 1000):
        endpoint.send(endpoint.alice, chunked(endpoint, 1024**2, chunk))

    lines = written(endpoint, since=size)

    assert [b'"status":200' in line for line in lines] == [True, True]


def test_a_large_body_waits_on_disk_so_that_all_of_them_fit(endpoint: Endpoint) -> None:
    size = endpoint.access_log.stat().st_size
    endpoint.send(endpoint.alice, chunked(endpoint, LIMIT, LIMIT))

    lines = written(endpoint, since=size)

    assert [b"buffered to a temporary file" in line for line in lines] == [True, False]
