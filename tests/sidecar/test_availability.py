"""Good clients are served while others hold thousands of connections, and those are closed."""

from __future__ import annotations

import asyncio
import resource
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from conformance.peers import Endpoint

ATTACKERS = 2000
HEADER_TIMEOUT_SECONDS = 5


@contextmanager
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ATTACKERS + 512
    assert hard == resource.RLIM_INFINITY or hard >= wanted, "type: ulimit -Hn 4096"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class GoodClient(threading.Thread):
    """Asks for predictions, each over a new connection, until it is told to stop."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(daemon=True)
        self._endpoint = endpoint
        self._enough = threading.Event()
        self.answers: list[int] = []

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                self.answers.append(self._endpoint.predict(self._endpoint.alice).status)
            except OSError:
                self.answers.append(0)
            time.sleep(0.05)

    def stop(self) -> list[int]:
        self._enough.set()
        self.join(30)
        return self.answers


async def half_open_tls(endpoint: Endpoint) -> float:
    """A handshake without a certificate, half a request line, and then nothing."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", endpoint.port, ssl=_context(endpoint), server_hostname="localhost"
    )
    writer.write(b"POST /v1/models/demo:pre")
    return await _seconds_until_closed(reader, writer)


async def half_a_handshake(endpoint: Endpoint) -> float:
    """The first bytes of a ClientHello, and then nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    writer.write(b"\x16\x03\x01\x02\x00\x01")
    return await _seconds_until_closed(reader, writer)


async def idle(endpoint: Endpoint) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    return await _seconds_until_closed(reader, writer)


async def _seconds_until_closed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> float:
    opened = time.monotonic()
    with suppress(ConnectionError, ssl.SSLError):
        await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return time.monotonic() - opened


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    if not hasattr(_context, "made"):
        _context.made = endpoint.context(None)  # type: ignore[attr-defined]
    return _context.made  # type: ignore[attr-defined,no-any-return]


async def attack(endpoint: Endpoint) -> list[float]:
    kinds = (half_open_tls, half_a_handshake, idle, half_open_tls)
    return await asyncio.gather(*(kinds[i % 4](endpoint) for i in range(ATTACKERS)))


def test_good_clients_are_served_during_2000_idle_and_half_open_connections(
    endpoint: Endpoint,
) -> None:
    good = GoodClient(endpoint)

    with many_files(), endpoint.reaching_model() as arrived:
        good.start()
        held = asyncio.run(attack(endpoint))
        answers = good.stop()

    assert set(answers) == {200}, f"{len([a for a in answers if a != 200])} of {len(answers)}"
    assert len(answers) > 10
    assert len(held) == ATTACKERS
    # Each was closed by the endpoint, soon after its time was up.
    assert max(held) < HEADER_TIMEOUT_SECONDS + 10
    assert len(arrived) == len(answers)
