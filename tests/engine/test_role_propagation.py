"""The run that makes the permission to pull waits for it, under the real engine; no other does."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components import waiting
from localcloud.stack import LocalStack
from tests.engine.engine import preview, recorded, up


class Clock(datetime):
    """Ahead by as much as somebody slept."""

    slept = timedelta(0)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + cls.slept


def created_on(local: LocalStack) -> str:
    (assignment,) = local.cloud.all("azure-native:authorization:RoleAssignment")
    return str(assignment.outputs["createdOn"])


def test_only_the_run_that_makes_the_assignment_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        Clock.slept += timedelta(seconds=seconds)

    monkeypatch.setattr(waiting, "datetime", Clock)
    monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(sleep=sleep))

    with recorded(tmp_path, config={"rolePropagationMinutes": 3}) as local:
        preview(local)
        assert naps == []
        up(local)
        made = created_on(local)
        assert 170 < sum(naps) < 180
        naps.clear()

        local.stack.refresh()
        assert up(local).operations == {}
        assert naps == []
    with recorded(tmp_path, config={"rolePropagationMinutes": 3, "tags": {"new": "x"}}) as local:
        up(local)
        assert created_on(local) == made
        assert naps == []


def test_in_the_local_cloud_a_role_counts_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(_: float) -> None:
        raise AssertionError("somebody waits")

    monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(sleep=sleep))

    for stack in ("local", "dev", "prod"):
        with recorded(tmp_path / stack, stack) as local:
            up(local)
            # As Azure writes a time.
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{7}Z", created_on(local))
