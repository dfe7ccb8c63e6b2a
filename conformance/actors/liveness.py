"""Asks the model whether it is alive as Azure does, and more often."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conformance.actors.peers import Endpoint
from localcloud.prober import succeeds
from localcloud.processes import Probe

PAUSE_SECONDS = 0.2


@dataclass
class Liveness:
    """What the probe found."""

    threshold: int
    asked: int = 0
    in_a_row: int = 0
    """The most times that it failed one after another."""
    slowest: float = 0

    @property
    def words(self) -> str:
        """`alive`, where the platform would not have restarted the container."""
        if self.asked > 0 and self.in_a_row < self.threshold:
            return "alive"
        return f"not alive {self.in_a_row} of {self.asked} times"

    @property
    def figures(self) -> str:
        return f"liveness asked {self.asked} times, the slowest {self.slowest:.2f} s"


def probe_of(endpoint: Endpoint, container: str, kind: str) -> Probe:
    """A container's probe as it is deployed."""
    return Probe(
        **json.loads((endpoint.group / "probes.json").read_text(encoding="utf-8"))[container][kind]
    )


@contextmanager
def watching_liveness(endpoint: Endpoint) -> Iterator[Liveness]:
    """Put the model's own probe, with its own time-out, all the time."""
    probe, enough = probe_of(endpoint, "model", "liveness"), threading.Event()
    live = Liveness(probe.failure_threshold)

    def watch() -> None:
        failed = 0
        while not enough.wait(PAUSE_SECONDS):
            started = time.monotonic()
            failed = 0 if succeeds(probe) else failed + 1
            live.slowest = max(live.slowest, time.monotonic() - started)
            live.in_a_row = max(live.in_a_row, failed)
            live.asked += 1

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield live
    finally:
        enough.set()
        watching.join()
