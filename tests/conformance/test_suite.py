"""Each case of the conformance suite, as a test of its own."""

from __future__ import annotations

import pytest

# Imported for the cases that they add.
import conformance.availability
import conformance.faults
import conformance.faults_of_the_model
import conformance.http  # noqa: F401
from conformance.case import CASES
from conformance.peers import Endpoint
from conformance.run import run


@pytest.mark.parametrize("id_", sorted(CASES))
def test_case(endpoint: Endpoint, id_: str) -> None:
    result = run(CASES[id_], endpoint)

    assert result.observed.came_back in result.case.expected, result.case.presented
    assert result.observed.reached_model == result.case.reaches
