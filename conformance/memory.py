"""The group MEMORY: the sidecar stands whatever clients send, in the memory of its container.

The running nginx gets the memory that the container group asks of Azure, so that it ends where it
would end there.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from conformance.attackers import Attackers, all_at_once, many_files
from conformance.case import Observed, case
from conformance.faults import nginx
from conformance.good_clients import asking
from conformance.local import Deployment, deployed
from conformance.peers import Endpoint, Identity, write_private

STANDS = "served; the sidecar stands"
STRANGERS = 8000
ORDINARY_STRANGERS = 4000
"""As many fit into what nginx may allocate of 512 MB. Beyond it connections are lost, those of good
clients among them, until the five seconds of a handshake are over.
"""
GREEDY = ("bob", "dave", "erin")


@dataclass
class Memory:
    """What a control group has seen."""

    limit_in_mb: int
    peak_in_mb: int = 0
    stood: bool = False
    """All processes that were in it at first are in it at the end."""


@case(
    "MEMORY-01",
    "three clients with as many bodies of 7.9 MB under way as each may have",
    STANDS,
    reaches=None,
    needs=("stack",),
)
def large_bodies(_: Endpoint) -> Observed:
    return _held(GREEDY, 7_900_000, each=25, megabytes=8)


@case(
    "MEMORY-02",
    "two clients with eight bodies of 63.9 MB under way, where 64 MB are allowed",
    STANDS,
    reaches=None,
    needs=("stack",),
)
def largest_bodies(_: Endpoint) -> Observed:
    return _held(GREEDY[:2], 63_900_000, each=8, megabytes=64)


@case(
    "MEMORY-03",
    f"{ORDINARY_STRANGERS} handshakes of strangers that stop half way",
    STANDS,
    reaches=None,
    needs=("stack",),
)
def half_handshakes(endpoint: Endpoint) -> Observed:
    attacks = [Attackers(endpoint).half_a_handshake] * ORDINARY_STRANGERS
    with (
        limited(endpoint) as memory,
        many_files(ORDINARY_STRANGERS),
        asking(endpoint, endpoint.alice) as good,
    ):
        asyncio.run(all_at_once(attacks))
    return _told(good.served, memory, good.figures)


@case(
    "MEMORY-04",
    f"{STRANGERS} handshakes of strangers that claim to be long",
    STANDS,
    reaches=None,
    needs=("stack",),
)
def long_handshakes(endpoint: Endpoint) -> Observed:
    """Nine bytes cost 156 kB each, measured: more than counting connections can bound."""
    attacks = [Attackers(endpoint).long_handshake] * STRANGERS
    with (
        limited(endpoint) as memory,
        many_files(STRANGERS),
        asking(endpoint, endpoint.alice) as good,
    ):
        asyncio.run(all_at_once(attacks))
    return _told(good.served, memory, good.figures)


def _held(clients: tuple[str, ...], size: int, *, each: int, megabytes: int) -> Observed:
    """Bodies that are there but for their last byte, all at once, while alice asks."""
    more = {
        "clients": [{"name": name} for name in ("alice", "bob", "carol", *GREEDY[1:])],
        "maxRequestBodyInMB": megabytes,
        "resources": {"model": {"cpu": 1, "memoryInGB": 4}},  # the model's share of such bodies
    }
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="memory-")))
        (folder / "peers").mkdir()
        deployment = closing.enter_context(deployed(folder / "cloud", say=_quiet, more=more))
        endpoint = deployment.endpoint(folder / "peers")
        memory = closing.enter_context(limited(endpoint))
        good = closing.enter_context(asking(endpoint, endpoint.alice))
        held = []
        for name in clients:
            identity = _identity(deployment, folder, name)
            for _ in range(each):
                connection = closing.enter_context(endpoint.connect(identity))
                request = endpoint.request("POST", "/v1/models/demo:predict", b" " * size)
                connection.sendall(request[:-1])
                held.append(connection)
        time.sleep(1)  # for what has arrived to be read
        for connection in held:
            _require_silence(connection)
        closing.close()
    figures = f"{each * len(clients)} bodies of {size / 1e6} MB; {good.figures}"
    return _told(good.served, memory, figures)


def _require_silence(connection: ssl.SSLSocket) -> None:
    """Make sure that a body is still waited for: one that is refused fills no memory."""
    connection.setblocking(False)
    with suppress(ssl.SSLWantReadError):
        raise AssertionError(f"a body was not taken: {connection.recv(99)!r}")


def _identity(deployment: Deployment, folder: Path, client: str) -> Identity:
    bundle = deployment.outputs["clientCertificates"][client]
    file = folder / f"{client}.pem"
    write_private(file, (bundle["certificatePem"] + bundle["privateKeyPem"]).encode())
    return Identity(file)


def _told(served: str, memory: Memory, figures: str) -> Observed:
    stands = "the sidecar stands" if memory.stood else "the sidecar was killed"
    peak = f"at most {memory.peak_in_mb} of {memory.limit_in_mb} MB"
    return Observed(f"{served}; {stands}", note=f"{peak}, page cache included; {figures}")


@contextmanager
def limited(endpoint: Endpoint, limit_in_mb: int = 512) -> Iterator[Memory]:
    """The running nginx with so much memory: as a control group, or for each process of it.

    Whoever may not make control groups limits what each process may allocate. That leaves the page
    cache out, and nginx answers 500 where it would have been killed.
    """
    master = psutil.Process(nginx(endpoint))
    processes = [master, *master.children(recursive=True)]
    memory, enough = Memory(limit_in_mb), threading.Event()
    with ExitStack() as closing:
        try:
            group = closing.enter_context(_control_group(limit_in_mb, processes))
        except OSError:
            group = None
            for process in processes:
                _, most = process.rlimit(psutil.RLIMIT_DATA)
                most = limit_in_mb << 20 if most == psutil.RLIM_INFINITY else most
                process.rlimit(psutil.RLIMIT_DATA, (most, most))

        def watch() -> None:
            while not enough.wait(0.05):
                used = _used(group, processes) >> 20
                memory.peak_in_mb = max(memory.peak_in_mb, used)

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield memory
        finally:
            enough.set()
            watching.join()
        memory.stood = all(process.is_running() for process in processes)


@contextmanager
def _control_group(limit_in_mb: int, processes: list[psutil.Process]) -> Iterator[Path]:
    """Version 2 or 1, with neither swap nor what the processes hold already.

    Raises:
        OSError: if this user may not make one, or its parent hands no memory controller on.
    """
    second = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup") if second else Path("/sys/fs/cgroup/memory")
    group = root / f"conformance-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    try:
        (group / _file(group, "max", "limit_in_bytes")).write_text(
            str(limit_in_mb << 20), encoding="utf-8"
        )
        for swap, most in (("memory.swap.max", 0), ("memory.memsw.limit_in_bytes", limit_in_mb)):
            if (group / swap).exists():
                (group / swap).write_text(str(most << 20), encoding="utf-8")
        for process in processes:
            (group / "cgroup.procs").write_text(str(process.pid), encoding="utf-8")
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text(encoding="utf-8").split():
            with suppress(ProcessLookupError):
                (root / "cgroup.procs").write_text(pid, encoding="utf-8")
        group.rmdir()


def _file(group: Path, second: str, first: str) -> str:
    """The name of a control in version 2, or in version 1."""
    return f"memory.{second if (group / 'cgroup.controllers').exists() else first}"


def _used(group: Path | None, processes: list[psutil.Process]) -> int:
    """Bytes."""
    if group:
        return int((group / _file(group, "current", "usage_in_bytes")).read_text(encoding="utf-8"))
    return sum(process.memory_info().rss for process in processes if process.is_running())


def _quiet(_: str) -> None:
    pass
