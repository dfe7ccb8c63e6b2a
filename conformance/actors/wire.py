"""Raw requests over mutual TLS as alice, and what came of them in a few words.

Each is followed by a request of bob's, which has to get bob's own answer: bytes of alice's that
were left over on a connection to the model would be taken for the beginning of the next one's.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import Any

from conformance.actors.peers import Endpoint, Identity, read_all
from conformance.case import Observed, case

PREDICT = "/v1/models/demo:predict"
STATUS = "/v1/models/demo"
METADATA = "/v1/models/demo/metadata"
BODY = '{"instances": [[10.0], [9.0]]}'
_HIDDEN = "GET /docs HTTP/1.1\r\nHost: {}\r\nX-Client-Name: root\r\nConnection: close\r\n\r\n"
"""No sidecar lets it through; in the model's log it would be a request of somebody called root."""


def get(*fields: str, target: str = STATUS, version: str = "HTTP/1.1", method: str = "GET") -> str:
    """A request without a body, as the last on its connection."""
    return _head(f"{method} {target} {version}", "Host: HOST", "Connection: close", *fields)


def post(*fields: str, body: str = BODY, close: bool = True, version: str = "HTTP/1.1") -> str:
    """A prediction whose framing is all in `fields`."""
    closing = ["Connection: close"] if close else []
    return _head(f"POST {PREDICT} {version}", "Host: HOST", *closing, *fields) + body


def row(
    id_: str,
    presented: str,
    raw: str,
    *expected: str,
    reaches: int = 0,
    ends: bool = False,
) -> None:
    """Add a case: alice sends `raw` in latin-1.

    HOST, NAME, LOUD (its name in capitals) and PORT in it are the endpoint's. HIDDEN is a second
    request; HIDDEN_LENGTH and HIDDEN_SIZE are its length, decimal and hexadecimal.

    `ends`: she closes her side after it. Without that the endpoint has to close, and a request
    that it goes on waiting for is seen by its time running out.
    """

    def run(endpoint: Endpoint) -> Observed:
        hidden = _HIDDEN.format(endpoint.host)
        places = {
            "HIDDEN_LENGTH": str(len(hidden)),
            "HIDDEN_SIZE": f"{len(hidden):x}",
            "HIDDEN": hidden,
            "HOST": endpoint.host,
            "NAME": endpoint.name,
            "LOUD": endpoint.name.upper(),
            "PORT": str(endpoint.port),
        }
        data = re.sub("|".join(places), lambda place: places[place[0]], raw)
        return observed(endpoint, data.encode("latin-1"), ends=ends)

    case(id_, presented, *expected, reaches=reaches)(run)


def observed(endpoint: Endpoint, data: bytes, *, ends: bool = False) -> Observed:
    """What alice gets for `data`, what bob gets after her, and what the model saw of her."""
    with contextlib.ExitStack() as watching:
        seen: list[dict[str, Any]] = []
        if endpoint.sees_the_model:
            seen = watching.enter_context(endpoint.reaching_model())
        answered = in_words(exchange(endpoint, endpoint.alice, data, ends=ends))
        bob = endpoint.get(endpoint.bob, METADATA)
    if bob.status != 200 or b'"model_spec"' not in bob.body:
        answered += f", and bob after it {in_words(bob.raw)}"
    if not endpoint.sees_the_model:
        return Observed(answered)
    bobs = [entry for entry in seen if entry["request_id"] == bob.headers.get("x-request-id")]
    if [(e["method"], e["path"], e["client_name"]) for e in bobs] != [("GET", METADATA, "bob")]:
        answered += f", and bob's request reached the model as {bobs}"
    hers = [entry for entry in seen if entry not in bobs]
    for entry in hers:
        if (entry["client_name"], entry["client_serial"]) != ("alice", endpoint.serials["alice"]):
            answered += f" as {entry['client_name']} with serial {entry['client_serial']}"
    return Observed(answered, len(hers))


def in_words(raw: bytes) -> str:
    """The statuses of all answers in a stream: `200, 404`; `closed` if there is none."""
    words: list[str] = []
    while raw:
        head, complete, raw = raw.partition(b"\r\n\r\n")
        if not complete or not re.match(rb"HTTP/1\.1 \d{3} ", head):
            return ", ".join([*words, "no HTTP"])
        status = head[9:12].decode()
        if status.startswith("1"):
            length = 0
        elif found := re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE):
            length = int(found[1])
        else:
            length = len(raw)  # until the connection is closed
        words.append(status if len(raw) >= length else f"{status} cut short")
        raw = raw[length:]
    return ", ".join(words) or "closed"


def exchange(endpoint: Endpoint, identity: Identity, data: bytes, *, ends: bool) -> bytes:
    """Send bytes; returns what comes back until the connection is closed. `ends`: as in `row`."""
    if not ends:
        return endpoint.send(identity, data).raw
    with endpoint.connect(identity) as connection:
        with contextlib.suppress(OSError):  # it may close before it has read everything
            connection.sendall(data)
            time.sleep(0.1)  # a proxy that passes on what has come so far has done it by then
            socket.socket.shutdown(connection, socket.SHUT_WR)  # its own would end TLS both ways
        return read_all(connection)


def _head(*lines: str) -> str:
    return "\r\n".join(lines) + "\r\n\r\n"
