"""Each case of the conformance suite, as a test of its own."""

from __future__ import annotations

import pytest

from conformance import (  # noqa: F401  # they add their cases
    certificates,
    odd_certificates,
    resumption,
)
from conformance.case import CASES
from conformance.peers import Endpoint
from conformance.run import run


@pytest.mark.parametrize("id_", sorted(CASES))
def test_case(endpoint: Endpoint, id_: str) -> None:
    result = run(CASES[id_], endpoint)

    assert result.observed.came_back in result.case.expected, result.case.presented
    assert result.observed.reached_model == result.case.reaches
