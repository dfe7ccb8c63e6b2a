"""Those who open connections and then take their time, many at once; each says how long it got."""

from __future__ import annotations

import asyncio
import resource
import select
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress

from conformance.actors.peers import Endpoint, Identity

PATIENCE_SECONDS = 90
"""After this an attacker gives up, and what it got is too long whatever the limit is."""

Attack = Callable[[], Coroutine[None, None, float]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Room for so many connections and what is open beside them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512
    assert hard == resource.RLIM_INFINITY or hard >= wanted, f"type: ulimit -Hn {wanted}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Attackers:
    """Kinds of attack on one endpoint; each returns the seconds until it was closed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._stranger = endpoint.context(None)
        self._bob = endpoint.context(endpoint.bob)
        self._few = asyncio.Semaphore(8)
        """Less than bob's share: who is to become idle must be answered first."""
        self._one_at_a_time = asyncio.Lock()
        """A model that is busy refuses a large body after 5 s, and a refusal is soon read."""

    async def silent(self) -> float:
        """A connection, and then nothing."""
        return await _until_closed(*await self._plain())

    async def half_a_handshake(self) -> float:
        """The first bytes of a ClientHello, and then nothing."""
        reader, writer = await self._plain()
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        return await _until_closed(reader, writer)

    async def long_handshake(self) -> float:
        """A ClientHello that claims to have 131 kB, as many as OpenSSL takes, and then nothing."""
        reader, writer = await self._plain()
        writer.write(b"\x16\x03\x01\x00\x04" + b"\x01\x02\x01\x40")
        return await _until_closed(reader, writer)

    async def half_a_line(self) -> float:
        """A handshake without a certificate, half a request line, and then nothing."""
        reader, writer = await self._tls(self._stranger)
        writer.write(b"POST /v1/models/demo:pre")
        return await _until_closed(reader, writer)

    async def slow_header(self) -> float:
        """A handshake without a certificate, and a header of which a byte comes each second."""
        reader, writer = await self._tls(self._stranger)
        writer.write(b"GET /v1/models/demo HTTP/1.1\r\nX: ")
        return await _until_closed(reader, writer, drip=b"a")

    async def slow_body(self) -> float:
        """A request without a certificate, with a body of which a byte comes each second."""
        reader, writer = await self._tls(self._stranger)
        writer.write(self._prediction(1000))
        return await _until_closed(reader, writer, drip=b"a")

    async def stalled_body(self) -> float:
        """Bob's request whose body stops coming."""
        reader, writer = await self._tls(self._bob)
        writer.write(self._prediction(1000) + b"a" * 500)
        return await _until_closed(reader, writer)

    async def idle(self) -> float:
        """Bob's connection after one good answer, kept alive for the next request."""
        async with self._few:
            reader, writer = await self._tls(self._bob)
            head = f"GET /v1/models/demo HTTP/1.1\r\nHost: {self._endpoint.host}\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        return await _until_closed(reader, writer)

    async def slow_reader(self) -> float:
        """Bob's prediction with a large answer of which nobody reads more than the status."""
        async with self._one_at_a_time:
            connection = await asyncio.to_thread(self._answered_at_length)
        return await asyncio.to_thread(_not_reading, connection)

    def _answered_at_length(self) -> ssl.SSLSocket:
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(PATIENCE_SECONDS)
        plain.connect(("127.0.0.1", self._endpoint.port))
        # The answer has 7 MB: what fits into the kernel's buffers, 4 MB in Linux, is sent off.
        body = b'{"instances": [' + b"[1]," * 1_200_000 + b"[1]]}"
        connection = self._bob.wrap_socket(plain, server_hostname=self._endpoint.name)
        connection.sendall(self._prediction(len(body)) + body)
        status = connection.recv(len("HTTP/1.1 200"))
        assert status == b"HTTP/1.1 200", status
        return connection

    async def churn(self, count: int) -> None:
        """Connections, handshakes and requests, each dropped at once; so many of them."""
        gate = asyncio.Semaphore(50)

        async def one(number: int) -> None:
            if number % 4 == 0:
                _, writer = await self._plain()
            else:
                _, writer = await self._tls(self._bob if number % 4 == 1 else self._stranger)
            if number % 4 == 2:
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
            writer.transport.abort()

        async def in_turn(number: int) -> None:
            async with gate:
                with suppress(OSError):
                    await one(number)

        await asyncio.gather(*(in_turn(number) for number in range(count)))

    def _prediction(self, length: int) -> bytes:
        return (
            f"POST /v1/models/demo:predict HTTP/1.1\r\nHost: {self._endpoint.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    async def _plain(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self._endpoint.port)

    async def _tls(self, context: ssl.SSLContext) -> Streams:
        return await asyncio.open_connection(
            "127.0.0.1",
            self._endpoint.port,
            ssl=context,
            server_hostname=self._endpoint.name,
            ssl_handshake_timeout=PATIENCE_SECONDS,
        )


async def all_at_once(attacks: list[Attack]) -> list[float]:
    """The seconds that each attacker got; who is turned away at the door got them until then."""

    async def seconds(attack: Attack) -> float:
        started = time.monotonic()
        try:
            return await attack()
        except (OSError, EOFError):
            return time.monotonic() - started

    return list(await asyncio.gather(*(seconds(attack) for attack in attacks)))


def _not_reading(connection: ssl.SSLSocket) -> float:
    with connection:
        started = time.monotonic()
        closed = select.poll()
        closed.register(connection, select.POLLRDHUP)
        closed.poll(PATIENCE_SECONDS * 1000)
        return time.monotonic() - started


async def _until_closed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drip: bytes = b""
) -> float:
    """Send `drip` each second until the other side closes; returns the seconds that took."""
    started = time.monotonic()
    reading = asyncio.ensure_future(reader.read())
    while not reading.done() and time.monotonic() < started + PATIENCE_SECONDS:
        await asyncio.wait([reading], timeout=1 if drip else PATIENCE_SECONDS)
        if drip and not reading.done():
            writer.write(drip)
    seconds = time.monotonic() - started
    reading.cancel()
    with suppress(OSError, asyncio.CancelledError):
        await reading
    writer.close()
    return seconds


def holding(endpoint: Endpoint, identity: Identity) -> socket.socket:
    """A prediction of a client's whose body has begun and goes on for as long as it likes."""
    connection = endpoint.connect(identity)
    request = endpoint.request("POST", "/v1/models/demo:predict", b" " * 10_000)
    connection.sendall(request[:-9_000])
    return connection
