"""The group FAULT, with a stand-in for the model behind the sidecar's own files.

A model that works cannot be made to hang, to lie or to go away between two packets. What reaches
the model is counted by the stand-in: nothing that may have had an effect is sent twice.
"""

from __future__ import annotations

import json
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.actors.peers import Answer, Endpoint
from conformance.actors.wire import in_words
from conformance.actors.witness import OK, Change, Witness, serving, witnessed
from conformance.case import Observed, case

Fault = Callable[[Witness], Iterator[Answer]]


def fault(
    id_: str,
    presented: str,
    expected: str,
    *,
    reaches: int,
    change: Change = str,
    log: Path | None = None,
    listens: bool = True,
) -> Callable[[Fault], Fault]:
    """Add a case whose function breaks the stand-in, and yields what alice is answered.

    `change`, `log` and `listens` are for the copy of the sidecar and its model, as in `witnessed`.
    """

    def add(provoke: Fault) -> Fault:
        def run(endpoint: Endpoint) -> Observed:
            with (
                tempfile.TemporaryDirectory() as folder,
                witnessed(endpoint, Path(folder), change, log=log, listens=listens) as witness,
            ):
                words, slowest, asked_at = [], 0.0, time.monotonic()
                for answer in provoke(witness):
                    slowest = max(slowest, time.monotonic() - asked_at)
                    words.append(in_words(answer.raw) + _unless_json(answer))
                    asked_at = time.monotonic()
                reached = len(witness.model.arrived)
            return Observed(", ".join(words), reached, f"the slowest answer: {slowest:.2f} s")

        case(id_, presented, expected, reaches=reaches, needs=("stack",))(run)
        return provoke

    return add


def _unless_json(answer: Answer) -> str:
    if answer.status < 500:
        return ""
    try:
        return "" if json.loads(answer.body)["error"] else " without a reason"
    except (ValueError, KeyError):
        return " not in JSON"


def _predict(witness: Witness) -> Answer:
    return witness.endpoint.predict(witness.endpoint.alice)


def _status(witness: Witness) -> Answer:
    return witness.endpoint.get(witness.endpoint.alice)


def _sooner(text: str) -> str:
    return re.sub("proxy_read_timeout 60s", "proxy_read_timeout 1s", text)


@fault(
    "FAULT-11",
    "the model takes longer than it may (in a copy of the configuration: 1 s instead of 60)",
    "504",
    reaches=1,
    change=_sooner,
)
def slow(witness: Witness) -> Iterator[Answer]:
    witness.model.seconds = 2
    yield _predict(witness)


# nginx takes it for HTTP/0.9, as any version up to 1.31 does, and no client takes it for an answer.
@fault("FAULT-12", "the model answers what is no HTTP", "no HTTP", reaches=1)
def garbage(witness: Witness) -> Iterator[Answer]:
    witness.model.answer, witness.model.stays = b"\x00garbage\r\n\r\n", False
    yield _predict(witness)


@fault("FAULT-13", "the model closes without an answer", "502", reaches=1)
def silent(witness: Witness) -> Iterator[Answer]:
    witness.model.answer = b""
    yield _predict(witness)


@fault("FAULT-14", "the model closes in the middle of its answer", "200 cut short", reaches=1)
def half(witness: Witness) -> Iterator[Answer]:
    witness.model.answer, witness.model.stays = OK.replace(b": 2", b": 200"), False
    yield _predict(witness)


@fault("FAULT-15", "the headers of the model's answer do not end", "502", reaches=1)
def endless(witness: Witness) -> Iterator[Answer]:
    witness.model.answer = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000
    yield _predict(witness)


@fault(
    "FAULT-16",
    "the model closes a kept connection on which a POST is on its way: it is not sent again",
    "200, 502, 200",
    reaches=3,
)
def post_is_lost(witness: Witness) -> Iterator[Answer]:
    witness.model.first = [OK, b""]
    for _ in range(3):
        yield _predict(witness)


@fault(
    "FAULT-17",
    "the model closes a kept connection on which a GET is on its way: it is sent again",
    "200, 200",
    reaches=3,
)
def get_is_sent_again(witness: Witness) -> Iterator[Answer]:
    witness.model.first = [OK, b""]
    for _ in range(2):
        yield _status(witness)


@fault(
    "FAULT-18",
    "the model is started again while connections to it are kept",
    "200, 502, 200, 200",
    reaches=3,
    listens=False,
)
def restarted(witness: Witness) -> Iterator[Answer]:
    with serving(witness.model):
        yield _predict(witness)
    yield _predict(witness)
    with serving(witness.model):
        yield _predict(witness)
        yield _predict(witness)


@fault(
    "FAULT-19",
    "the model does not listen when the sidecar starts, and later does",
    "502, 502, 200",
    reaches=1,
    listens=False,
)
def late(witness: Witness) -> Iterator[Answer]:
    yield _predict(witness)
    yield _status(witness)
    with serving(witness.model):
        yield _predict(witness)


@fault("FAULT-20", "the model takes no connections", "504", reaches=0, listens=False)
def full(witness: Witness) -> Iterator[Answer]:
    with _full_queue(witness.model.port):
        yield _predict(witness)


@fault(
    "FAULT-21",
    "the disk for the sidecar's log is full",
    "200, 200, 404, 200",
    reaches=3,
    log=Path("/dev/full"),
)
def disk_full(witness: Witness) -> Iterator[Answer]:
    yield _predict(witness)
    yield _status(witness)
    yield witness.endpoint.get(witness.endpoint.alice, "/docs")
    yield _predict(witness)


@fault("FAULT-22", "the model's answer tells nginx to ask for something else", "200", reaches=1)
def redirecting(witness: Witness) -> Iterator[Answer]:
    elsewhere = b"X-Accel-Redirect: /_error/plain-http\r\nContent-Length"
    witness.model.answer = OK.replace(b"Content-Length", elsewhere)
    answer = _predict(witness)
    yield answer if answer.body == b"{}" else Answer(b"")


@contextmanager
def _full_queue(port: int) -> Iterator[None]:
    """Something listens, and so many wait already that nobody else can connect."""
    with socket.create_server(("127.0.0.1", port), backlog=0):
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        try:
            yield
        finally:
            for one in waiting:
                one.close()
