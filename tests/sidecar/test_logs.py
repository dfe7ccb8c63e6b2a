"""What strangers send cannot make a line of the logs into something else."""

from __future__ import annotations

import json
from typing import Any

from conformance.actors.access_log import written
from conformance.actors.peers import Endpoint

HOSTILE = [
    b'GET /"},{"status":200,"x":" HTTP/1.1\r\nHost: HOST\r\n\r\n',
    b"GET /\\u0000\\ HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /\xff\xfe\xc3\x28 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /\xe2\x80\xa8 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /\x1b]0;owned\x07\x1b[2J HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /\r\nHost: HOST\r\n\r\n",
    b"\x00\x01\x02\x03\xff HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b'GET / HTTP/1.1\r\nHost: "evil"\r\n\r\n',
    b"GET / HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n",
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"POST /v1/models/demo:predict HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"\x1b[2J\r\n",
]


def lines(endpoint: Endpoint) -> tuple[list[dict[str, Any]], list[bytes]]:
    """What all of that leaves in the sidecar's log: access lines, and everything else."""
    start = endpoint.access_log.stat().st_size
    for raw in HOSTILE:
        raw = raw.replace(b"HOST", endpoint.host.encode() + b"\r\nConnection: close")  # noqa: PLW2901
        endpoint.send(endpoint.alice, raw)
        endpoint.send(None, raw)
    found = written(endpoint, since=start)
    access = [json.loads(line) for line in found if line[:1] == b"{"]
    return access, [line for line in found if line[:1] != b"{"]


def test_every_line_stays_one_line_of_its_own_kind(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        access, others = lines(endpoint)

    assert len(arrived) == 1  # the one that `written` sends itself
    # Nothing was forged, nothing got lost.
    assert len(access) == 2 * len(HOSTILE)
    keys = set(access[-1])
    assert keys >= {
        "time",
        "request_id",
        "client_name",
        "client_serial",
        "client_verify",
        "status",
        "request_seconds",
        "model_seconds",
        "model_status",
    }
    assert all(set(line) == keys for line in access)
    assert {line["client_name"] for line in access} == {"alice", ""}
    assert {line["model_status"] for line in access} == {""}
    assert all(line["status"] >= 400 for line in access)
    # For people and terminals: no escape sequences, nothing that is not text.
    for line in others:
        assert line.isascii()
        assert line.decode().isprintable(), line
