"""How long the client waits before it tries again."""

from __future__ import annotations

import pytest
from mtls_model_client import ModelUnavailableError, TooManyRequestsError, UnreachableError
from mtls_model_client._errors import RetriedError
from mtls_model_client._retry import policy
from tenacity import RetryCallState, Retrying


def wait(error: RetriedError, attempt: int) -> float:
    """Seconds before the next attempt, after so many."""
    retrying = Retrying(**policy(10))
    state = RetryCallState(retrying, None, (), {})
    state.attempt_number = attempt
    state.set_exception((type(error), error, None))
    seconds: float = retrying.wait(state)
    return seconds


def test_the_endpoint_is_left_alone_for_as_long_as_it_asks() -> None:
    error = TooManyRequestsError("too many")
    error.retry_after = 7

    assert wait(error, 1) == 7


def test_an_endpoint_cannot_stop_a_client_for_good() -> None:
    error = ModelUnavailableError("later")
    error.retry_after = 86400

    assert wait(error, 1) == 60


def test_waits_grow_and_are_never_all_the_same() -> None:
    error = UnreachableError("gone")
    by_attempt = [{wait(error, attempt) for _ in range(20)} for attempt in (1, 3, 5, 20)]

    assert all(max(w) <= most for w, most in zip(by_attempt, (0.4, 1, 3.4, 10), strict=True))
    assert max(by_attempt[0]) < min(by_attempt[1]) < max(by_attempt[1]) < min(by_attempt[2])
    assert all(len(waits) > 10 for waits in by_attempt[:3])


@pytest.mark.parametrize("attempts", [1, 3])
def test_it_is_tried_as_often_as_asked_and_then_said(attempts: int) -> None:
    tried = []

    def call() -> None:
        tried.append(1)
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError, match="gone"):
        Retrying(**{**policy(attempts), "sleep": lambda _: None})(call)

    assert len(tried) == attempts


def test_what_will_not_pass_is_not_tried_again() -> None:
    tried = []

    def call() -> None:
        tried.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Retrying(**policy(5))(call)

    assert len(tried) == 1
