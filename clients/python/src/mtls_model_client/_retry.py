"""When to try again, and after how long."""

from __future__ import annotations

import logging
from typing import Any

from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from mtls_model_client._errors import RetriedError

log = logging.getLogger("mtls_model_client")
_BACK_OFF = wait_exponential_jitter(multiplier=0.2, max=10, jitter=0.2)
LONGEST = 60.0
"""Seconds; what an endpoint may ask to wait before the next attempt."""


def policy(attempts: int) -> dict[str, Any]:
    """For tenacity's Retrying and AsyncRetrying."""
    return {
        "stop": stop_after_attempt(attempts),
        "retry": retry_if_exception_type(RetriedError),
        "wait": _seconds,
        "before_sleep": _say,
        "reraise": True,
    }


def _seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RetriedError) else None
    # Never all at once: many clients lose their connection in the same moment.
    return max(_BACK_OFF(state), min(asked or 0.0, LONGEST))


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("%s Attempt %d failed; trying again.", error, state.attempt_number)
