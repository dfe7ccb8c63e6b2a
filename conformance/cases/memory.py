"""The group MEMORY: both containers stand whatever clients send, in the memory of the deployment.

A case differs if the kernel killed a process for want of memory, even when all is served after.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from conformance.actors.attackers import Attackers, all_at_once, many_files
from conformance.actors.good_clients import asking
from conformance.actors.liveness import watching_liveness
from conformance.actors.peers import Answer, Endpoint, Identity, read_all
from conformance.case import Observed, case
from conformance.cases.faults import container
from conformance.local import CLIENTS, GREEDY, deployed

STANDS = "served; the containers stand"
STRANGERS = 8000
ORDINARY_STRANGERS = 4000
"""As many fit into what nginx may allocate of 512 MB. Beyond it connections are lost, those of good
clients among them, until the five seconds of a handshake are over.
"""
LARGEST_ROWS = 2_097_000
"""Of `[1],` each: a body of 8.4 MB, just below the largest that the default takes."""
LEFT_BYTES = 100
"""Of a body that is held, more than there are such bodies."""
TAKEN = "each 200, 413 or 503 with Retry-After"


@dataclass
class Standing:
    """What became of the containers."""

    words: str = ""
    figures: str = ""


@case(
    "MEMORY-01",
    "three clients with as many bodies of 7.9 MB under way as each may have",
    STANDS,
    reaches=None,
    needs=("stack", "limits"),
)
def large_bodies(endpoint: Endpoint) -> Observed:
    return _held(endpoint, endpoint.greedy, 7_900_000, each=25)


@case(
    "MEMORY-02",
    "two clients with eight bodies of 63.9 MB under way, where 64 MB are allowed",
    STANDS,
    reaches=None,
    needs=("stack", "limits"),
)
def largest_bodies(_: Endpoint) -> Observed:
    more = {
        "clients": [*CLIENTS, *({"name": name} for name in GREEDY[1:])],
        "maxRequestBodyInMB": 64,
        "resources": {"model": {"cpu": 1, "memoryInGB": 4}},  # the model's share of such bodies
    }
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="memory-")))
        (folder / "peers").mkdir()
        deployment = closing.enter_context(
            deployed(folder / "cloud", say=_quiet, more=more, limited=True)
        )
        endpoint = deployment.endpoint(folder / "peers")
        return _held(endpoint, endpoint.greedy[:2], 63_900_000, each=8)


@case(
    "MEMORY-03",
    f"{ORDINARY_STRANGERS} handshakes of strangers that stop half way",
    STANDS,
    reaches=None,
    needs=("stack", "limits"),
)
def half_handshakes(endpoint: Endpoint) -> Observed:
    attacks = [Attackers(endpoint).half_a_handshake] * ORDINARY_STRANGERS
    with (
        standing(endpoint) as stood,
        many_files(ORDINARY_STRANGERS),
        asking(endpoint, endpoint.alice) as good,
    ):
        asyncio.run(all_at_once(attacks))
    return _told(good.served, stood, good.figures)


@case(
    "MEMORY-04",
    f"{STRANGERS} handshakes of strangers that claim to be long",
    STANDS,
    reaches=None,
    needs=("stack", "limits"),
)
def long_handshakes(endpoint: Endpoint) -> Observed:
    """Nine bytes cost 156 kB each, measured: more than counting connections can bound."""
    attacks = [Attackers(endpoint).long_handshake] * STRANGERS
    with (
        standing(endpoint) as stood,
        many_files(STRANGERS),
        asking(endpoint, endpoint.alice) as good,
    ):
        asyncio.run(all_at_once(attacks))
    return _told(good.served, stood, good.figures)


@case(
    "MEMORY-05",
    "three clients, each with three of the largest bodies at once, in the costliest shape",
    f"{TAKEN}; alive; {STANDS}",
    reaches=None,
    needs=("stack", "limits"),
)
def costly_bodies(endpoint: Endpoint) -> Observed:
    """Rows of one number: no other shape costs the model more, and this one is not refused."""
    body = b'{"instances":[' + b"[1]," * LARGEST_ROWS + b"[1]]}"
    with (
        standing(endpoint) as stood,
        watching_liveness(endpoint) as live,
        asking(endpoint, endpoint.alice) as good,
        ThreadPoolExecutor(9) as pool,
    ):
        answers = list(pool.map(lambda who: _patiently(endpoint, who, body), endpoint.greedy * 3))
    counted = Counter(map(_in_words, answers))
    said = TAKEN if {"200"} <= set(counted) <= {"200", "413", "503"} else str(dict(counted))
    words = f"{said}; {live.words}; {good.served}"
    return _told(words, stood, f"{dict(counted)}; {live.figures}; {good.figures}")


def _patiently(endpoint: Endpoint, who: Identity, body: bytes) -> Answer:
    with endpoint.connect(who) as connection:
        connection.settimeout(70)  # nginx waits 60 s for the model
        connection.sendall(endpoint.request("POST", "/v1/models/demo:predict", body))
        return Answer(read_all(connection))


def _in_words(answer: Answer) -> str:
    if answer.status == 503 and not answer.headers.get("retry-after"):
        return "503 without Retry-After"
    return str(answer.status)


def _held(endpoint: Endpoint, clients: tuple[Identity, ...], size: int, *, each: int) -> Observed:
    """Bodies that are there but for their last bytes, all at once, while alice asks."""
    with ExitStack() as closing:
        stood = closing.enter_context(standing(endpoint))
        good = closing.enter_context(asking(endpoint, endpoint.alice))
        held = []
        request = endpoint.request("POST", "/v1/models/demo:predict", b" " * size)
        for identity in clients * each:
            with suppress(OSError):
                connection = closing.enter_context(endpoint.connect(identity))
                connection.sendall(request[:-LEFT_BYTES])
                held.append(connection)
            for connection in held:  # nginx waits 10 s for more, and the next one may take as long
                with suppress(OSError):
                    connection.send(b" ")
        time.sleep(1)  # for what has arrived to be read
        taken = sum(map(_is_waited_for, held))
        closing.close()
    all_of_them = each * len(clients)
    words = "" if taken == all_of_them else f"{taken} of {all_of_them} bodies taken; "
    figures = f"{taken} bodies of {size / 1e6} MB; {good.figures}"
    return _told(f"{words}{good.served}", stood, figures)


def _is_waited_for(connection: ssl.SSLSocket) -> bool:
    """Whether the rest of a body may still come: one that is refused fills no memory."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        pass
    return False


def _told(words: str, stood: Standing, figures: str) -> Observed:
    return Observed(f"{words}; {stood.words}", note=f"{stood.figures}; {figures}")


@contextmanager
def standing(endpoint: Endpoint) -> Iterator[Standing]:
    """Whether both containers, and all processes of nginx, live through the block."""
    stood, limits = Standing(), endpoint.limits
    unbound = [name for name in ("model", "sidecar") if not limits[name].processes]
    assert not unbound, f"nothing bounds the memory of: {', '.join(unbound)}"
    kills = {name: group.kills for name, group in limits.items()}
    pids = [container(endpoint, "model"), *limits["sidecar"].processes]
    processes = [psutil.Process(pid) for pid in pids]
    yield stood
    killed = [f"{name} {group.kills - kills[name]}" for name, group in limits.items()]
    if any(group.kills > kills[name] for name, group in limits.items()):
        stood.words = f"killed for want of memory: {', '.join(killed)}"
    elif all(process.is_running() for process in processes):
        stood.words = "the containers stand"
    else:
        stood.words = "a container ended"
    stood.figures = ", ".join(
        f"{name} so far at most {group.peak_in_mb} of {group.limit_in_mb} MB"
        for name, group in limits.items()
    )


def _quiet(_: str) -> None:
    pass
