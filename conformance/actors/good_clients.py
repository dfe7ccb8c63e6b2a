"""Clients that ask all the time, so that it is seen whether they are served throughout."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from conformance.actors.peers import Endpoint, Identity

PAUSE_SECONDS = 0.1
_BODY = b'{"instances": [[10.0], [9.0]]}'


@dataclass
class Asked:
    """What good clients were answered."""

    statuses: list[int] = field(default_factory=list)
    """0: no answer within ten seconds, or none at all."""
    seconds: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """What was not 200, in words: once for each kind."""
    disbelieved: list[str] = field(default_factory=list)
    """Why the client refused the endpoint, each time: no restart explains that."""

    @property
    def served(self) -> str:
        """`served`, or how many were not."""
        missed = [status for status in self.statuses if status != 200]
        if not self.statuses:
            return "nobody asked"
        if missed:
            return f"{len(missed)} of {len(self.statuses)} not served: {sorted(set(missed))}"
        return "served"

    @property
    def figures(self) -> str:
        answered = self.statuses.count(200)
        slowest = max(self.seconds, default=0)
        return f"{answered} of {len(self.statuses)} good requests, the slowest {slowest:.2f} s"


@contextmanager
def asking(endpoint: Endpoint, identity: Identity) -> Iterator[Asked]:
    """One client with a new connection each time, another that keeps its own.

    Raises:
        Exception: whatever kept one of them from asking, which is not the same as no answer.
    """
    asked, enough = Asked(), threading.Event()

    def new_connections() -> None:
        while not enough.wait(PAUSE_SECONDS):
            _ask(asked, _Connection(endpoint, identity), closes=True)

    def one_connection() -> None:
        connection = _Connection(endpoint, identity)
        while not enough.wait(PAUSE_SECONDS):
            _ask(asked, connection, closes=False)
        connection.close()

    with ThreadPoolExecutor(2) as threads:
        clients = [threads.submit(client) for client in (new_connections, one_connection)]
        try:
            yield asked
        finally:
            enough.set()
    for client in clients:
        client.result()


class _Connection(http.client.HTTPConnection):
    """http.client over the endpoint's own way to connect."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        super().__init__(endpoint.name, endpoint.port, timeout=10)
        self._endpoint = endpoint
        self._context = endpoint.context(identity)

    def connect(self) -> None:
        self.sock = self._endpoint.connect(None, context=self._context)


def _ask(asked: Asked, connection: _Connection, *, closes: bool) -> None:
    headers = {"Content-Type": "application/json"} | ({"Connection": "close"} if closes else {})
    started = time.monotonic()
    try:
        connection.request("POST", "/v1/models/demo:predict", _BODY, headers)
        answer = connection.getresponse()
        status, said = answer.status, answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, ssl.SSLCertVerificationError):
            asked.disbelieved.append(error.verify_message)
        connection.close()  # the next request opens it again
        status, said = 0, type(error).__name__
    asked.seconds.append(time.monotonic() - started)
    asked.statuses.append(status)
    if status != 200 and f"{status} {said}" not in asked.refusals:
        asked.refusals.append(f"{status} {said}")
