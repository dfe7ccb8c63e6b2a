"""A worker, as the process that speaks HTTP sees it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator

from .errors import RequestError
from .wire import END, Head, Tail, piece

_SEND_BYTES = 65536


class WorkerEndedError(Exception):
    """The worker ended before it had answered."""


class Request:
    """A request on its way to a worker: to another one if the first ended before it had any."""

    def __init__(self, head: Head, pieces: AsyncIterator[bytes]) -> None:
        self.is_whole = True
        """Whether no worker has any of it."""
        self._pieces = pieces
        self._pending = bytearray(head.to_bytes())

    async def send(self, connection: socket.socket) -> None:
        """Hand the body on as it comes."""
        async for data in self._pieces:
            if data:
                self._pending += piece(data)
            if len(self._pending) > _SEND_BYTES:
                await self._send(connection)
        self._pending += END
        await self._send(connection)

    async def _send(self, connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, self._pending)
        self.is_whole = False
        self._pending.clear()


class RemoteWorker:
    """A worker process at the other end of a socket; asks it one thing at a time."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.stays = True
        """Whether it takes another request."""
        self.ended: asyncio.Future[RequestError] = asyncio.get_running_loop().create_future()
        """What its end means to the request that it had, once its memory is free."""
        self._connection = connection
        self._is_busy = False

    async def ask(self, request: Request) -> tuple[Tail, bytearray]:
        """Return what is said of the answer, and its bytes.

        Raises:
            WorkerEndedError: if it died of this request, or was killed.
        """
        self._is_busy = True
        try:
            await request.send(self._connection)
            tail = Tail.from_bytes(bytes(await receive(self._connection, Tail.SIZE)))
            answer = await receive(self._connection, tail.length)
            self.stays = self.stays and tail.stays
        except (OSError, EOFError):
            self.stays = False
            raise WorkerEndedError from None
        except BaseException:
            # Of a body that has not come whole the worker waits for the rest.
            self.stays = self.stays and request.is_whole
            raise
        finally:
            self._is_busy = False
        return tail, answer

    def close(self) -> None:
        """It ends when it reads its socket next; who waits for an answer gets none."""
        self.stays = False
        with contextlib.suppress(OSError):  # it was closed before
            self._connection.shutdown(socket.SHUT_RDWR)
        if not self._is_busy:
            self._connection.close()


async def receive(connection: socket.socket, length: int) -> bytearray:
    """Exactly so many bytes; EOFError where the other side ends before."""
    data = bytearray(length)
    rest = memoryview(data)
    while rest:
        count = await asyncio.get_running_loop().sock_recv_into(connection, rest)
        if count == 0:
            raise EOFError
        rest = rest[count:]
    return data


def end_in_words(code: int) -> str:
    """`with SIGFPE`, `with exit code 1`."""
    return f"with {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
