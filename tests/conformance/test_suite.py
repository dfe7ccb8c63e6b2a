"""Each case of the conformance suite, as a test of its own."""

from __future__ import annotations

import pytest

from conformance.actors.peers import Endpoint
from conformance.case import CASES
from conformance.cases import GROUPS
from conformance.run import run

IN_ORDER: list[str] = [id_ for group in GROUPS for id_ in CASES if CASES[id_].group == group]


@pytest.mark.parametrize("id_", IN_ORDER)
def test_case(request: pytest.FixtureRequest, id_: str) -> None:
    limits = "limits" in CASES[id_].needs
    endpoint: Endpoint = request.getfixturevalue("limited" if limits else "endpoint")

    result = run(CASES[id_], endpoint)

    assert result.observed.came_back in result.case.expected, result.case.presented
    if result.case.reaches is not None:
        assert result.observed.reached_model == result.case.reaches
