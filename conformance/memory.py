"""The group MEMORY: the sidecar stands whatever clients send, in the memory of its container.

The running nginx is put into a control group with the memory that the container group asks of
Azure, so that the kernel ends it where it would there. Where that cannot be done, the cases differ:
nothing was proved.
"""

from __future__ import annotations

import asyncio
import select
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
    f"{STRANGERS} handshakes of strangers that stop half way",
    STANDS,
    reaches=None,
    needs=("stack",),
)
def half_handshakes(endpoint: Endpoint) -> Observed:
    attacks = [Attackers(endpoint).half_a_handshake] * STRANGERS
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
        answered, _, _ = select.select(held, [], [], 0)
        assert not answered, f"{len(answered)} bodies were not taken: {answered[0].recv(99)!r}"
        closing.close()
    figures = f"{each * len(clients)} bodies of {size / 1e6} MB; {good.figures}"
    return _told(good.served, memory, figures)


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
    """The running nginx in a control group with so much memory and no swap.

    Raises:
        OSError: if this user may not make control groups.
    """
    version_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup") if version_2 else Path("/sys/fs/cgroup/memory")
    group = root / f"conformance-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    memory = Memory(limit_in_mb)
    limit = group / ("memory.max" if version_2 else "memory.limit_in_bytes")
    usage = group / ("memory.current" if version_2 else "memory.usage_in_bytes")
    master = psutil.Process(nginx(endpoint))
    processes = [master, *master.children(recursive=True)]
    enough = threading.Event()

    def watch() -> None:
        while not enough.wait(0.05):
            memory.peak_in_mb = max(memory.peak_in_mb, int(usage.read_text()) >> 20)

    watching = threading.Thread(target=watch)
    try:
        limit.write_text(str(limit_in_mb << 20))
        for process in processes:
            (group / "cgroup.procs").write_text(str(process.pid))
        watching.start()
        yield memory
        memory.stood = all(process.is_running() for process in processes)
    finally:
        enough.set()
        if watching.ident:
            watching.join()
        for pid in (group / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(pid)
        group.rmdir()


def _quiet(_: str) -> None:
    pass
