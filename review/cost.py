"""What a stack costs in a month, before and after, at the list prices of prices.json.

Only what runs all the time has a monthly price. What depends on use (logs, traffic, storage beyond
what is included) and every price that is not in the file is unknown, and said to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common.names import CONTAINER_GROUP, LOCATION, REGISTRY, VAULT, WORKSPACE
from review.steps import Preview, State, Step

HOURS = 730
DAYS = HOURS / 24


@dataclass(frozen=True)
class Price:
    """What one resource costs in a month; None is unknown."""

    amount: float | None
    basis: str
    """What it was computed from, or why it is unknown."""
    source: str = ""


NOTHING = Price(0.0, "not there")


@dataclass(frozen=True)
class Line:
    """A resource before and after."""

    resource: str
    before: Price
    after: Price


@dataclass(frozen=True)
class Cost:
    """A stack before and after."""

    lines: tuple[Line, ...]

    def known(self, side: str) -> float:
        prices = (getattr(line, side) for line in self.lines)
        return sum(price.amount or 0.0 for price in prices)

    def is_unknown(self, side: str) -> bool:
        """Whether `known` leaves something out."""
        return any(getattr(line, side).amount is None for line in self.lines)

    @property
    def difference(self) -> float | None:
        """None if it hangs on something unknown that changes."""
        changed = [line for line in self.lines if line.before != line.after]
        if any(None in (line.before.amount, line.after.amount) for line in changed):
            return None
        return sum((line.after.amount or 0) - (line.before.amount or 0) for line in changed)


@cache
def prices() -> Mapping[str, Any]:
    return dict(json.loads((Path(__file__).parent / "prices.json").read_text(encoding="utf-8")))


def of(preview: Preview, listed: Mapping[str, Any] | None = None) -> Cost:
    """Both sides of a preview, at the prices listed."""
    listed = prices() if listed is None else listed
    location = str(preview.setting(LOCATION) or "")
    return Cost(tuple(_lines(preview.resources, listed, location)))


def _lines(steps: Iterable[Step], listed: Mapping[str, Any], location: str) -> Iterable[Line]:
    compute = {CONTAINER_GROUP: _group, REGISTRY: _registry, WORKSPACE: _workspace, VAULT: _vault}
    for step in steps:
        if price := compute.get(step.type):
            sides = [
                price(state.inputs, listed, str(state.inputs.get("location") or location))
                if state
                else NOTHING
                for state in (step.old, _after(step))
            ]
            yield Line(step.name, *sides)


def _after(step: Step) -> State | None:
    return None if step.op == "delete" else step.state


def _group(inputs: Mapping[str, Any], listed: Mapping[str, Any], location: str) -> Price:
    containers = inputs.get("containers")
    requests = [
        _at(_at(container, "resources"), "requests")
        for container in (containers if isinstance(containers, list) else [])
    ]
    cpus = [_number(request.get("cpu")) for request in requests]
    memories = [_number(request.get("memoryInGB")) for request in requests]
    if not requests or None in cpus or None in memories:
        return Price(None, "CPU and memory are known only after the deployment")
    cpu = sum(amount for amount in cpus if amount)
    memory = sum(amount for amount in memories if amount)
    size = f"{cpu:g} vCPU, {memory:g} GB, {HOURS} hours"
    rate = (listed.get("containerInstances") or {}).get(location)
    if not rate or None in (rate.get("perVcpuHour"), rate.get("perGBHour")):
        return Price(None, f"{size}; no list price is on file for {location or 'this region'}")
    amount = HOURS * (cpu * rate["perVcpuHour"] + memory * rate["perGBHour"])
    return Price(amount, f"{size} in {location}", _source(rate))


def _registry(inputs: Mapping[str, Any], listed: Mapping[str, Any], _: str) -> Price:
    sku = inputs.get("sku")
    name = str(sku.get("name")) if isinstance(sku, Mapping) else "of an unknown SKU"
    rate = (listed.get("containerRegistry") or {}).get(name)
    if not rate or rate.get("perDay") is None:
        return Price(None, f"no list price is on file for {name}")
    return Price(DAYS * rate["perDay"], f"{name}, included storage only", _source(rate))


def _workspace(inputs: Mapping[str, Any], listed: Mapping[str, Any], _: str) -> Price:
    rate = listed.get("logAnalytics") or {}
    per_gb = rate.get("perGB")
    priced = f"{per_gb:g} {listed.get('currency')}" if per_gb is not None else "an unknown price"
    return Price(None, f"depends on what is logged, {priced} for each GB", _source(rate))


def _vault(_: Mapping[str, Any], listed: Mapping[str, Any], __: str) -> Price:
    rate = listed.get("keyVault") or {}
    price = rate.get("per10000Operations")
    priced = f"{price:g} {listed.get('currency')}" if price is not None else "an unknown price"
    return Price(None, f"depends on use, {priced} for 10,000 operations", _source(rate))


def _at(value: object, key: str) -> Mapping[str, Any]:
    """What is below a key; nothing where a value is known only later."""
    below = value.get(key) if isinstance(value, Mapping) else None
    return below if isinstance(below, Mapping) else {}


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # narrowed just above


def _source(rate: Mapping[str, Any]) -> str:
    return f"{rate['source']}, {rate['date']}: {rate['url']}" if rate else ""
