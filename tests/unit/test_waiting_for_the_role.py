"""A permission to pull is minutes old before the group is made, and nobody waits for an old one."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from tests.unit import plugins
from tests.unit.program import Deployment, config_of, run_committed


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lines.append)
    return lines


def deployed(monkeypatch: pytest.MonkeyPatch, created_on: str | None, **how: Any) -> Deployment:
    """The stack dev, with a role assignment of this moment."""

    def answer(name: str, inputs: dict[str, Any]) -> plugins.Answer:
        arm_id, outputs = plugins.role_assignment(name, inputs)
        return arm_id, {**outputs, "createdOn": created_on}

    monkeypatch.setitem(plugins.ANSWERS, "RoleAssignment", answer)
    config = config_of("dev", how.pop("config", {}))
    deployment = run_committed("dev", config, **how)
    assert deployment.error is None, repr(deployment.error)
    return deployment


def test_the_run_that_makes_the_assignment_waits_until_it_is_three_minutes_old(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], said: list[str]
) -> None:
    # As Azure writes it: seven digits, of which zeros at the end are left out.
    deployment = deployed(monkeypatch, "2026-06-01T11:59:59.5000001Z")

    assert sum(naps) == pytest.approx(179.5)
    assert deployment.of("ContainerGroup")
    assert said == [
        f"The container group follows in {seconds} s: Azure takes minutes to let a new identity "
        "pull images everywhere (rolePropagationMinutes)"
        for seconds in (180, 150, 120, 90, 60, 30)
    ]


@pytest.mark.parametrize(
    "created_on",
    ["2026-06-01T11:57:00Z", "2024-02-29T08:00:00.91Z", None],
    ids=["just old enough", "years ago", "a state of before"],
)
def test_nobody_waits_for_an_assignment_of_an_earlier_run(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], created_on: str | None
) -> None:
    deployed(monkeypatch, created_on)

    assert naps == []


def test_nobody_waits_in_a_preview(monkeypatch: pytest.MonkeyPatch, naps: list[float]) -> None:
    deployed(monkeypatch, "2026-06-01T12:00:00Z", preview=True)

    assert naps == []


def test_a_clock_of_azures_that_is_an_hour_ahead_makes_nobody_wait_for_an_hour(
    monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    deployed(monkeypatch, "2026-06-01T13:00:00.1234567Z")

    assert sum(naps) == 180


@pytest.mark.parametrize(("minutes", "waited"), [(0, 0), (10, 600)])
def test_the_stack_file_says_for_how_long(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], minutes: int, waited: int
) -> None:
    config = {"rolePropagationMinutes": minutes}
    deployed(monkeypatch, "2026-06-01T12:00:00Z", config=config)

    assert sum(naps) == waited
