"""Whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from model_image.model_server import admission
from model_image.model_server.admission import Admission, Ticket
from model_image.model_server.errors import RequestError
from model_image.model_server.memory import COST, MB
from model_image.model_server.remote import RemoteWorker

LARGE = 2 * MB


class Queue:
    """An admission, with what it let in so far."""

    def __init__(self, workers: int, room: int) -> None:
        self.admission = Admission(workers)
        self.admission.open(room)
        self.served: list[Ticket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def ask(self, *requests: tuple[str, int]) -> None:
        for client, size in requests:
            ticket = Ticket(client, size, asyncio.get_running_loop().create_future())
            self._tasks.append(asyncio.create_task(self._ask(ticket)))
        await self.settle()

    async def _ask(self, ticket: Ticket) -> None:
        await self.admission.worker(ticket)
        self.served.append(ticket)

    async def worker(self, *, ended: Ticket | None = None) -> None:
        if ended:
            self.admission.done(ended)
        self.admission.add(RemoteWorker(0, None))  # type: ignore[arg-type]
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def clients(self) -> str:
        return "".join(ticket.client for ticket in self.served)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


def test_clients_take_turns_however_much_one_of_them_asks() -> None:
    async def scenario() -> None:
        queue = Queue(2, 0)
        await queue.ask(*[("a", 1)] * 5, ("b", 1), ("c", 1), ("b", 1))
        for _ in range(8):
            await queue.worker()
        assert queue.clients == "abcabaaa"

    run(scenario)


def test_large_and_small_take_turns_and_one_worker_is_for_small_ones_alone() -> None:
    async def scenario() -> None:
        queue = Queue(3, 10 * COST * LARGE)
        await queue.ask(*[("L", LARGE)] * 4, *[("s", 1)] * 4)
        for _ in range(5):
            await queue.worker()
        assert queue.clients == "sLsLs"
        for _ in range(2):
            await queue.worker()
        assert queue.clients == "sLsLss"
        await queue.worker(ended=queue.served[1])
        assert queue.clients == "sLsLssL"

    run(scenario)


def test_a_large_body_waits_for_memory_and_no_smaller_one_of_its_kind_passes_it() -> None:
    async def scenario() -> None:
        queue = Queue(4, COST * 3 * LARGE)
        await queue.ask(("a", 2 * LARGE), ("b", 2 * LARGE), ("c", LARGE), ("s", 1))
        for _ in range(3):
            await queue.worker()
        assert queue.clients == "sa"
        await queue.worker(ended=queue.served[1])
        assert queue.clients == "sabc"

    run(scenario)


def test_answers_on_their_way_count() -> None:
    async def scenario() -> None:
        queue = Queue(2, COST * LARGE)
        queue.admission.take(1)
        await queue.ask(("a", LARGE))
        await queue.worker()
        assert queue.clients == ""
        queue.admission.give(1)
        await queue.settle()
        assert queue.clients == "a"

    run(scenario)


def test_who_gives_up_is_no_longer_in_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(admission, "WAIT_SECONDS", 0)
        queue = Queue(2, 0)
        ticket = Ticket("a", 1, asyncio.get_running_loop().create_future())
        with pytest.raises(RequestError, match="no worker was free"):
            await queue.admission.worker(ticket)
        cancelled = asyncio.create_task(
            queue.admission.worker(Ticket("b", 1, asyncio.get_running_loop().create_future()))
        )
        await asyncio.sleep(0)
        cancelled.cancel()
        await queue.settle()
        monkeypatch.setattr(admission, "WAIT_SECONDS", 5)
        await queue.ask(("c", 1))
        await queue.worker()
        assert queue.clients == "c"

    run(scenario)
