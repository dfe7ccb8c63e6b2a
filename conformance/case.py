"""One row of the table: what is presented, what has to come back, what may reach the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conformance.actors.peers import Answer, Endpoint

Need = Literal["authority", "limits", "logs", "stack"]
"""What only a deployment on this machine has: the CA's key, limits on its containers' memory and
CPU (on some machines only), the containers' logs, the engine.
"""


@dataclass(frozen=True)
class Observed:
    """What happened, in the words of `Case.expected`."""

    came_back: str
    reached_model: int | None = None
    """Requests; None where it cannot be seen from here."""
    note: str = ""
    """Figures worth printing beside the result."""


Run = Callable[[Endpoint], "Answer | Observed | str"]


@dataclass(frozen=True)
class Case:
    """One thing that is presented to an endpoint."""

    id: str
    """Stable, as `CERT-07`: docs/security.md names it."""
    presented: str
    expected: tuple[str, ...]
    """What may come back: a status such as `403`, `closed`, `handshake refused`, …"""
    reaches: int | None
    """How many of its requests have to reach the model; None where that is not the point."""
    needs: frozenset[Need]
    run: Run

    @property
    def group(self) -> str:
        return self.id.partition("-")[0]


@dataclass(frozen=True)
class Result:
    """What a case gave."""

    case: Case
    observed: Observed
    seconds: float

    @property
    def differs(self) -> bool:
        reached, reaches = self.observed.reached_model, self.case.reaches
        return self.observed.came_back not in self.case.expected or (
            reached is not None and reaches is not None and reached != reaches
        )


CASES: dict[str, Case] = {}


def case(
    id_: str,
    presented: str,
    *expected: str,
    reaches: int | None = 0,
    needs: tuple[Need, ...] = (),
) -> Callable[[Run], Run]:
    """Add a function to the suite; what it returns is compared with `expected`."""

    def add(run: Run) -> Run:
        assert id_ not in CASES, f"{id_} is taken"
        CASES[id_] = Case(id_, presented, expected, reaches, frozenset(needs), run)
        return run

    return add
