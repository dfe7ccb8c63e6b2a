"""A worker, as the process that speaks HTTP sees it."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator

from .wire import END, Head, Tail, piece

_SEND_BYTES = 65536


class WorkerEndedError(Exception):
    """The worker ended before it had answered."""


class RemoteWorker:
    """A worker process at the other end of a socket; asks it one thing at a time."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.stays = True
        """Whether it takes another request."""
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """Its exit code, or minus the signal's number, once its memory is free; None: unknown."""
        self._connection = connection

    async def ask(self, head: Head, pieces: AsyncIterator[bytes]) -> tuple[int, bytearray]:
        """Hand the body on as it comes; return the status and the bytes of the answer.

        Raises:
            WorkerEndedError: if it died of this request, or was killed.
        """
        loop = asyncio.get_running_loop()
        pending = bytearray(head.to_bytes())
        try:
            async for data in pieces:
                if data:
                    pending += piece(data)
                if len(pending) > _SEND_BYTES:
                    self.stays = False  # should the rest of the body never come
                    await loop.sock_sendall(self._connection, pending)
                    pending.clear()
            self.stays = False
            await loop.sock_sendall(self._connection, pending + END)
            tail = Tail.from_bytes(bytes(await receive(self._connection, Tail.SIZE)))
            answer = await receive(self._connection, tail.length)
        except (ConnectionError, EOFError):
            raise WorkerEndedError from None
        self.stays = tail.stays
        return tail.status, answer

    def close(self) -> None:
        """It ends when it reads its socket next."""
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


def end_in_words(code: int | None) -> str:
    """`SIGFPE`, `exit code 1`."""
    if code is None:
        return "for an unknown reason"
    return f"with {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
