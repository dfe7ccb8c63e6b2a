"""Waits in the middle of a deployment, where a thing that is new needs time to count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pulumi


async def until(ready: datetime, said: Callable[[float], str]) -> None:
    """Return at this moment, at once if it is over; says every half minute what it waits for.

    Args:
        ready: the moment.
        said: the reason in words, with so many seconds to go.
    """
    while (seconds := (ready - datetime.now(UTC)).total_seconds()) > 0:
        pulumi.log.info(said(seconds))
        await asyncio.sleep(min(seconds, 30))


async def until_older_than(age: timedelta, made: datetime, said: Callable[[float], str]) -> None:
    """Return when a thing is so old by its own maker's clock, and after `age` at the latest."""
    # A maker's clock that is ahead of this one must not make anybody wait for longer.
    await until(min(made, datetime.now(UTC)) + age, said)
