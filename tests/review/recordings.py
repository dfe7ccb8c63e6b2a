"""The recorded previews, and ways to change one before it is read."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from review.report import Review
from review.steps import Preview, from_document

PREVIEWS = Path(__file__).parent / "previews"
URN = "urn:pulumi:dev::mtls-model-endpoint::"


@cache
def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((PREVIEWS / f"{name}.json").read_text()))


def document(name: str = "mixed") -> dict[str, Any]:
    """A recorded preview; a copy, to be altered at will."""
    return copy.deepcopy(_read(name))


def preview(name: str = "mixed") -> Preview:
    return from_document(document(name), name)


def step(of: dict[str, Any], name: str) -> dict[str, Any]:
    """The step of the resource with that logical name."""
    (found,) = (step for step in of["steps"] if step["urn"].endswith(f"::{name}"))
    return dict_of(found)


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


def records(of: dict[str, Any]) -> list[dict[str, Any]]:
    """The stack output `certificates` of the last deployment."""
    stack = step(of, "mtls-model-endpoint-dev")
    return list(stack["oldState"]["outputs"]["certificates"])


def issued_at(of: dict[str, Any]) -> datetime:
    """When the recorded stack was deployed: tests must not depend on today."""
    return datetime.fromisoformat(records(of)[0]["notBefore"]).astimezone(UTC)


def review(of: dict[str, Any], now: datetime | None = None) -> Review:
    return Review.of(from_document(of, "the recording"), now or issued_at(of))


def renewing(of: dict[str, Any], name: str, op: str) -> None:
    """Let the engine do something else with a resource that it leaves alone in the recording."""
    changed = step(of, name)
    changed["op"] = op
    if op == "delete":
        del changed["newState"]
