"""A clock that stands still until the program sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from components import waiting
from tests.unit.records import NOW


class Clock(datetime):
    """Stands still until somebody sleeps."""

    moment = NOW

    @classmethod
    def now(cls, tz: Any = None) -> Clock:
        return cls.fromtimestamp(cls.moment.timestamp(), tz)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """How long the program slept, without anybody waiting for it."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        Clock.moment += timedelta(seconds=seconds)

    Clock.moment = NOW
    monkeypatch.setattr(waiting, "datetime", Clock)
    monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(sleep=sleep))
    yield slept
    Clock.moment = NOW
