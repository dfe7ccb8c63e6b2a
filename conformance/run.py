"""Runs cases against an endpoint."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from conformance.actors.peers import Answer, Endpoint
from conformance.case import Case, Observed, Result


def run(case: Case, endpoint: Endpoint) -> Result:
    """Present one thing; count what of it reaches the model where its log can be read."""
    started = time.monotonic()
    arrived: list[dict[str, Any]] | None = None
    try:
        with ExitStack() as watching:
            if endpoint.sees_the_model and case.reaches is not None:
                arrived = watching.enter_context(endpoint.reaching_model())
            outcome = case.run(endpoint)
    except Exception as error:  # a case that cannot be run is a difference; the rest goes on
        outcome = Observed(f"error: {type(error).__name__}: {error}")
    observed = outcome if isinstance(outcome, Observed) else Observed(_in_words(outcome))
    if observed.reached_model is None and arrived is not None:
        observed = Observed(observed.came_back, len(arrived), observed.note)
    return Result(case, observed, time.monotonic() - started)


def _in_words(outcome: Answer | str) -> str:
    if isinstance(outcome, str):
        return outcome
    return str(outcome.status) if outcome.status else "closed"
