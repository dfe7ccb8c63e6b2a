"""Who is next: which request gets a worker, before its body is read.

Clients take turns, so that one who asks much waits for itself. Large bodies leave a worker to
small ones, and are never more at once than the memory holds.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from .errors import RequestError
from .memory import COST, SMALL
from .remote import RemoteWorker

WAIT_SECONDS = 5
"""Less than nginx waits for the next bytes of a body to be taken (proxy_send_timeout, 10 s)."""
RETRY_LATER = {"Retry-After": "5"}


@dataclass(eq=False)
class Ticket:
    """A request that waits for a worker, or has it."""

    client: str
    size: int
    """The most bytes the body can have, unpacked."""
    turn: "asyncio.Future[RemoteWorker]"

    @property
    def is_large(self) -> bool:
        return self.size > SMALL

    @property
    def cost(self) -> int:
        """Bytes out of the room; what small bodies take was put aside."""
        return COST * self.size if self.is_large else 0


class _Line:
    """Waiting requests: clients in turn, each one's own in order."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, deque[Ticket]] = OrderedDict()

    def add(self, ticket: Ticket) -> None:
        self._clients.setdefault(ticket.client, deque()).append(ticket)

    def first(self) -> Ticket | None:
        return next(iter(self._clients.values()))[0] if self._clients else None

    def remove(self, ticket: Ticket) -> None:
        self._clients[ticket.client].remove(ticket)
        if not self._clients[ticket.client]:
            del self._clients[ticket.client]

    def serve(self, ticket: Ticket) -> None:
        """Take it out; its client is the last to have another turn."""
        self.remove(ticket)
        if ticket.client in self._clients:
            self._clients.move_to_end(ticket.client)


class Admission:
    """Hands idle workers to requests."""

    def __init__(self, workers: int) -> None:
        self._large_at_most = workers - 1
        self._large = 0
        self._room = 0
        self._taken = 0
        self._idle: deque[RemoteWorker] = deque()
        self._small_ones, self._large_ones = _Line(), _Line()
        self._large_is_next = False

    async def worker(self, ticket: Ticket) -> RemoteWorker:
        """Wait for a worker; 503 if none is free for this request in time."""
        line = self._large_ones if ticket.is_large else self._small_ones
        line.add(ticket)
        self._serve()
        if not ticket.turn.done():
            expiry = asyncio.get_running_loop().call_later(WAIT_SECONDS, self._give_up, ticket)
            ticket.turn.add_done_callback(lambda _: expiry.cancel())
        try:
            return await ticket.turn
        finally:
            if ticket.turn.cancelled():
                line.remove(ticket)

    def open(self, room: int) -> None:
        """So many bytes are there for large bodies; until then there are none."""
        self._room = room
        self._serve()

    def add(self, worker: RemoteWorker) -> None:
        """An idle worker: a new one, or one that has answered."""
        self._idle.append(worker)
        self._serve()

    def forget(self, worker: RemoteWorker) -> None:
        """It has ended."""
        if worker in self._idle:
            self._idle.remove(worker)

    def done(self, ticket: Ticket) -> None:
        """What the request took is free again."""
        self._large -= ticket.is_large
        self.give(ticket.cost)

    def take(self, memory: int) -> None:
        """Count bytes that are there already, such as those of an answer."""
        self._taken += memory

    def give(self, memory: int) -> None:
        self._taken -= memory
        self._serve()

    def _serve(self) -> None:
        while self._idle and (ticket := self._next()):
            (self._large_ones if ticket.is_large else self._small_ones).serve(ticket)
            self._large_is_next = not ticket.is_large
            self._large += ticket.is_large
            self.take(ticket.cost)
            ticket.turn.set_result(self._idle.popleft())

    def _next(self) -> Ticket | None:
        """Small and large in turn. No large one passes another that waits for memory."""
        small, large = self._small_ones.first(), self._large_ones.first()
        if large and (self._large == self._large_at_most or self._taken + large.cost > self._room):
            large = None
        return (large or small) if self._large_is_next else (small or large)

    def _give_up(self, ticket: Ticket) -> None:
        (self._large_ones if ticket.is_large else self._small_ones).remove(ticket)
        ticket.turn.set_exception(
            RequestError(
                503,
                f"The model is busy: no worker was free within {WAIT_SECONDS} seconds; try again "
                "later, or send smaller batches.",
                RETRY_LATER,
            )
        )
