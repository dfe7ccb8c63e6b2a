"""The group AVAIL: good clients are served while others do what they can against it.

Good clients ask throughout each attack, one with a new connection every time and one that keeps
its own. What is measured is in the note; what is promised is that all of them are answered, and
that attackers are closed within the limits that nginx.conf sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.actors.attackers import Attackers, all_at_once, holding, many_files
from conformance.actors.good_clients import Asked, asking
from conformance.actors.peers import Endpoint, Identity
from conformance.actors.wire import STATUS, exchange, in_words
from conformance.case import Observed, Run, case

HALF_OPEN = 2000
IN_TIME = "served; attackers closed in time"
SHARE = "served; the attacker's own requests 429 while it lasts, then 200"
LATE_SECONDS = 10
"""What a busy machine may take beyond a limit."""


@dataclass(frozen=True)
class Kind:
    """Attackers who do the same, and how long nginx.conf lets them."""

    attack: str
    count: int
    limit_seconds: float
    presented: str
    reaches: int = 0
    """How many requests of each of them reach the model."""


SIEGE = {
    # 5 s for the first byte of a request, and 5 s for its whole head.
    "AVAIL-02": Kind("slow_header", 300, 10, "300 strangers whose headers come a byte a second"),
    # It has its answer by then; nginx reads on for `lingering_time` at the most, which is 30 s.
    "AVAIL-03": Kind("slow_body", 200, 30, "200 strangers whose bodies come a byte a second"),
    "AVAIL-04": Kind("stalled_body", 8, 10, "8 bodies of one client that stop coming"),
    "AVAIL-05": Kind("slow_reader", 3, 10, "3 large answers to one client that nobody reads", 1),
    "AVAIL-06": Kind("idle", 500, 60, "500 connections of one client kept alive and idle", 1),
}
"""These last up to a minute, so they are all laid at once, which makes each of them harder."""

_sieges: dict[int, dict[str, Observed]] = {}


@case(
    "AVAIL-01", f"{HALF_OPEN} silent connections, half handshakes and half request lines", IN_TIME
)
def half_open(endpoint: Endpoint) -> Observed:
    attackers = Attackers(endpoint)
    line = attackers.half_a_line  # costs most: nginx drops the others when it runs out of places
    kinds = (line, attackers.half_a_handshake, line, attackers.silent)
    with (
        watching(endpoint) as others,
        many_files(HALF_OPEN),
        asking(endpoint, endpoint.alice) as good,
    ):
        held = asyncio.run(all_at_once([kinds[i % 4] for i in range(HALF_OPEN)]))
    return _in_words(good, held, 10, _count(endpoint, others))


def _besieged(endpoint: Endpoint) -> dict[str, Observed]:
    """All of `SIEGE` at once; laid once for all of its cases."""
    if endpoint.port in _sieges:
        return _sieges[endpoint.port]
    attackers = Attackers(endpoint)
    attacks = [
        getattr(attackers, kind.attack) for kind in SIEGE.values() for _ in range(kind.count)
    ]
    with (
        watching(endpoint) as others,
        many_files(len(attacks)),
        asking(endpoint, endpoint.alice) as good,
    ):
        held = iter(asyncio.run(all_at_once(attacks)))
    reached = {
        "AVAIL-05": [e for e in others if e["client_name"] == "bob" and e["method"] == "POST"],
        "AVAIL-06": [e for e in others if e["client_name"] == "bob" and e["path"] == STATUS],
    }
    rest = [e for e in others if not any(e in known for known in reached.values())]
    _sieges[endpoint.port] = {
        id_: _in_words(
            good,
            [next(held) for _ in range(kind.count)],
            kind.limit_seconds,
            _count(endpoint, reached.get(id_, rest)),
        )
        for id_, kind in SIEGE.items()
    }
    return _sieges[endpoint.port]


def _besieging(id_: str) -> Run:
    return lambda endpoint: _besieged(endpoint)[id_]


for _id, _kind in SIEGE.items():
    case(_id, _kind.presented, IN_TIME, reaches=_kind.count * _kind.reaches)(_besieging(_id))


@case(
    "AVAIL-07",
    "bodies a byte a second by bob, as many as he may hold, and alice asks",
    SHARE,
    needs=("stack",),
)
def slow_bodies_of_another(endpoint: Endpoint) -> Observed:
    return _holding(endpoint, endpoint.bob, endpoint.alice)


@case(
    "AVAIL-08",
    "bodies a byte a second by alice, as many as she may hold, and bob asks",
    SHARE,
    needs=("stack",),
)
def slow_bodies_of_the_same(endpoint: Endpoint) -> Observed:
    return _holding(endpoint, endpoint.alice, endpoint.bob)


def _holding(endpoint: Endpoint, greedy: Identity, other: Identity) -> Observed:
    """`client_body_timeout` is between two reads: only the share of each client bounds these."""
    with (
        watching(endpoint, good=other) as others,
        contextlib.ExitStack() as held,
        asking(endpoint, other) as good,
    ):
        connections: list[socket.socket] = []
        while (own := _share(endpoint, greedy)) == "200" and len(connections) < 200:
            connections.append(held.enter_context(holding(endpoint, greedy)))
        started = time.monotonic()
        refused = {own}
        while time.monotonic() < started + 3:
            for connection in connections:
                connection.send(b" ")
            refused.add(_share(endpoint, greedy))
            time.sleep(0.5)
        held.close()
        again = _served_again(endpoint, greedy)
    own = f"{'/'.join(sorted(refused))} while it lasts, then {again}"
    predictions = [entry for entry in others if entry["method"] == "POST"]
    return Observed(
        f"{good.served}; the attacker's own requests {own}",
        _count(endpoint, predictions),
        f"{len(connections)} bodies held; {good.figures}",
    )


@case("AVAIL-09", "200 requests in a row whose bodies are too large", "served; 413 for each")
def oversized(endpoint: Endpoint) -> Observed:
    head = "POST {} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n"
    path, host = "/v1/models/demo:predict", endpoint.host
    declared = head.format(path, host, "Content-Length: 9000000").encode()
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    chunked = head.format(path, host, "Transfer-Encoding: chunked").encode() + chunk * 9

    def attack(number: int) -> str:
        data = declared if number % 20 else chunked
        return in_words(exchange(endpoint, endpoint.bob, data, ends=True))

    with (
        watching(endpoint) as others,
        asking(endpoint, endpoint.alice) as good,
        ThreadPoolExecutor(8) as pool,
    ):
        statuses = "/".join(sorted(set(pool.map(attack, range(200)))))
    return Observed(f"{good.served}; {statuses} for each", _count(endpoint, others), good.figures)


@case("AVAIL-10", "2000 connections made and dropped as fast as it goes", "served")
def churn(endpoint: Endpoint) -> Observed:
    attackers = Attackers(endpoint)
    with watching(endpoint) as others, asking(endpoint, endpoint.alice) as good:
        started = time.monotonic()
        asyncio.run(attackers.churn(2000))
        seconds = time.monotonic() - started
    return Observed(
        good.served, _count(endpoint, others), f"{2000 / seconds:.0f} a second; {good.figures}"
    )


@contextlib.contextmanager
def watching(endpoint: Endpoint, good: Identity | None = None) -> Iterator[list[dict[str, Any]]]:
    """What reaches the model in the block of others than the good client, who is alice or bob."""
    others: list[dict[str, Any]] = []
    if not endpoint.sees_the_model:
        yield others
        return
    name = "bob" if good == endpoint.bob else "alice"
    with endpoint.reaching_model() as arrived:
        yield others
    others += [entry for entry in arrived if entry["client_name"] != name]


def _count(endpoint: Endpoint, entries: list[dict[str, Any]]) -> int | None:
    return len(entries) if endpoint.sees_the_model else None


def _in_words(good: Asked, held: list[float], limit: float, reached: int | None) -> Observed:
    late = [seconds for seconds in held if seconds > limit + LATE_SECONDS]
    closing = f"{len(late)} of {len(held)} attackers not closed" if late else "attackers closed"
    return Observed(
        f"{good.served}; {closing} in time",
        reached,
        f"{good.figures}; attackers closed after {min(held):.1f} to {max(held):.1f} s",
    )


def _share(endpoint: Endpoint, identity: Identity) -> str:
    """What a client is answered that may have used up its share."""
    answer = endpoint.get(identity)
    if answer.status == 429 and not answer.error.startswith("too many"):
        return "429 without its reason"
    return str(answer.status)


def _served_again(endpoint: Endpoint, identity: Identity) -> str:
    """The first status that is not 429, or 429 if that lasts."""
    deadline = time.monotonic() + 10
    while (status := _share(endpoint, identity)) == "429" and time.monotonic() < deadline:
        time.sleep(0.05)
    return status
