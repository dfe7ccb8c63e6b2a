"""The loader and its workers: started, counted, and replaced when one ends."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from .admission import RETRY_LATER, Admission, Ticket
from .catalogue import Models, Version
from .errors import RequestError, StartError
from .memory import COST, MB, SMALL, held_by, room
from .remote import RemoteWorker, Request, WorkerEndedError, end_in_words, receive
from .settings import Settings
from .wire import LENGTH, PID, Head, Tail

_PACKAGE = Path(__file__).resolve().parent
LOADER = [sys.executable, "-P", "-m", f"{_PACKAGE.name}.loader"]
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
"""Seconds before what ended at its start is started again; each time twice as long."""
_PATIENCE = 0.5
"""Seconds in which a worker that ended has been replaced; a probe waits so long for one."""


class _LoaderEndedError(Exception):
    pass


class Pool:
    """Worker processes that predict, each one request at a time."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self.limit = settings.max_body
        """Bytes of the largest body that is taken; less where the memory holds less."""
        self._settings = settings
        self._models = models
        self._admission = Admission(settings.workers)
        self._workers: dict[int, RemoteWorker] = {}
        self._some = asyncio.Event()
        self._trouble = ""
        self._last_end = 0

    async def ready(self) -> None:
        """Raise RequestError (503) with the reason while no prediction can be made."""
        if not self._workers and self._trouble:
            raise RequestError(503, self._trouble)
        self._models.loaded()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._some.wait()
        except TimeoutError:
            raise RequestError(503, self._trouble or "No worker is running yet.") from None

    async def predict(
        self, client: str, size: int, head: Head, pieces: AsyncIterator[bytes]
    ) -> tuple[Tail, bytearray]:
        """What is answered to a body of at most `size` bytes, which is read when it has a worker.

        The answer counts as held until `sent`.
        """
        request = Request(head, pieces)
        while True:
            ticket = Ticket(client, size, asyncio.get_running_loop().create_future())
            worker = await self._admission.worker(ticket)
            try:
                tail, answer = await worker.ask(request)
                break
            except WorkerEndedError:
                ended = await worker.ended
                if not request.is_whole:
                    raise ended from None
            finally:
                if worker.stays:
                    self._admission.done(ticket)
                    self._admission.add(worker)
                else:
                    worker.close()
                    worker.ended.add_done_callback(partial(self._free, ticket))
        self._admission.take(len(answer))
        return tail, answer

    def _free(self, ticket: Ticket, _: object) -> None:
        self._admission.done(ticket)

    def sent(self, answer: bytearray) -> None:
        self._admission.give(len(answer))

    async def run(self) -> None:
        """Keep the loader and its workers running.

        Raises:
            StartError: if the model cannot be served.
        """
        delay = _FIRST_DELAY
        while True:
            self._trouble = await self._run_loader()
            if self._models.versions:  # it had loaded
                delay = _FIRST_DELAY
            _say(self._trouble)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _run_loader(self) -> str:
        """Return how it ended, in a sentence."""
        control, theirs = socket.socketpair()
        with theirs:
            loader = subprocess.Popen(
                [*LOADER, str(theirs.fileno()), str(self._settings.model_path)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(_PACKAGE.parent)},
            )
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._follow(control, loader.pid, tasks)
                raise _LoaderEndedError
        except ExceptionGroup as group:
            if not_the_end := group.split(_LoaderEndedError)[1]:
                raise not_the_end.exceptions[0] from None
        finally:
            control.close()
            loader.kill()
            trouble = (
                f"The process that holds the model ended {end_in_words(loader.wait())}; it is "
                "started again, later each time."
            )
            for worker in list(self._workers.values()):
                self._forget(
                    worker, RequestError(503, f"{trouble} Try again in a moment.", RETRY_LATER)
                )
        return trouble

    async def _follow(self, control: socket.socket, loader: int, tasks: asyncio.TaskGroup) -> None:
        """Do what the loader's news ask for; return when it has ended."""
        reader, _ = await asyncio.open_unix_connection(sock=control)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                match pickle.loads(await reader.readexactly(length)):  # noqa: S301  our own child
                    case ("failed", str(sentence)):
                        raise StartError(sentence)
                    case ("loaded", list(versions)):
                        tasks.create_task(self._open(control, loader, versions))
                    case ("ended", int(pid), int(code)):
                        self._last_end = code
                        if worker := self._workers.get(pid):
                            self._forget(worker, _died_of_a_request(code))
                            tasks.create_task(self._start_worker(control))

    def _forget(self, worker: RemoteWorker, end: RequestError) -> None:
        del self._workers[worker.pid]
        if not self._workers:
            self._some.clear()
        worker.close()
        self._admission.forget(worker)
        worker.ended.set_result(end)

    async def _open(self, control: socket.socket, loader: int, versions: list[Version]) -> None:
        """Serve what was loaded, once workers run and what they hold is known."""
        await asyncio.gather(*(self._start_worker(control) for _ in range(self._settings.workers)))
        held = held_by([os.getpid(), loader, *self._workers])
        free = room(self._settings.memory, held, self._settings.workers)
        if free < 0:
            needed = (self._settings.memory - free) // MB + 1
            raise StartError(
                f"MEMORY_MB is {self._settings.memory // MB}, which cannot hold this model and "
                f"{self._settings.workers} workers; set it to {needed} or more."
            )
        self.limit = min(self._settings.max_body, max(SMALL, free // COST))
        self._admission.open(free)
        if not self._models.versions:
            _say(
                f"serving '{self._models.name}', versions "
                f"{', '.join(str(version.version) for version in versions)}, on "
                f"{self._settings.host}:{self._settings.port}: {self._settings.workers} workers, "
                f"bodies of up to {self.limit} bytes"
            )
        self._models.serve(versions)

    async def _start_worker(self, control: socket.socket) -> None:
        """Start one; if it ends before it is there, again, later each time."""
        delay = _FIRST_DELAY
        while not await self._started(control):
            self._trouble = (
                f"The model's workers end at their start, {end_in_words(self._last_end)}; "
                "they are started again, later each time."
            )
            _say(self._trouble)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _started(self, control: socket.socket) -> bool:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            socket.send_fds(control, [b"w"], [theirs.fileno()])
        try:
            (pid,) = PID.unpack(await receive(ours, PID.size))
        except (EOFError, ConnectionError):
            ours.close()
            return False
        worker = self._workers[pid] = RemoteWorker(pid, ours)
        self._some.set()
        self._admission.add(worker)
        return True


def _died_of_a_request(code: int) -> RequestError:
    likely = code == -signal.SIGKILL
    return RequestError(
        500,
        f"The model's process ended {end_in_words(code)} on this request; it was replaced, and "
        "other requests are not affected."
        + " So it ends where memory does: send smaller batches."
        * likely,
    )


def _say(sentence: str) -> None:
    # stderr: stdout carries the request log and nothing else.
    print(f"model-server: {sentence}", file=sys.stderr, flush=True)
