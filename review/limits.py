"""Which clients may ask for less than today, or for more: paths, rates, connections, body sizes.

Today's limits are those that the running sidecar enforces, tomorrow's those of the stack file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.enforcement import ClientLimits, Enforcement
from review import sidecar
from review.access import Access
from review.steps import Preview
from review.text import code, counted, joined

_NUMBERS = (
    ("requests_per_second", ("request a second", "requests a second")),
    ("burst", ("request in a burst", "requests in a burst")),
    ("max_connections", ("connection at once", "connections at once")),
)


@dataclass(frozen=True)
class Change:
    """What becomes of one client's rights, each a part of a sentence that begins with its name."""

    client: str
    less: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What becomes of everybody's."""

    changes: Sequence[Change] = ()
    body: tuple[int, int] | None = None
    """How many MB a request's body may have today and then, if that changes."""
    is_known: bool = True

    @property
    def narrower(self) -> Sequence[Change]:
        return [change for change in self.changes if change.less]

    @property
    def has_smaller_bodies(self) -> bool:
        return self.body is not None and self.body[1] < self.body[0]

    @property
    def takes_nothing(self) -> bool:
        """Whether every client may ask for all that it may ask for today."""
        return self.is_known and not self.narrower and not self.has_smaller_bodies


def of(preview: Preview, access: Access) -> Limits:
    """What changes for clients that can call today, those that lose it for good left out."""
    endpoint = preview.outputs.get("endpoint")
    if not isinstance(endpoint, Mapping) or endpoint.get("auth") != "mtls" or access.is_open:
        return Limits()
    before, planned = sidecar.running(preview), _planned(preview.setting("clients"))
    if before is None or planned is None:
        return Limits(is_known=False)
    was, becomes = str(endpoint.get("modelName")), preview.text("modelName") or ""
    limits = {limit.name: limit for limit in before.limits}
    changes = []
    for client in access.clients:
        if client.accepted and client.name in planned:
            today = limits.get(client.name, ClientLimits(name=client.name))
            less, more = _compared(_renamed(today, was, becomes), planned[client.name])
            if less or more:
                changes.append(Change(client.name, less, more))
    return Limits(changes, _body(before, preview.setting("maxRequestBodyInMB")))


def _planned(clients: Any) -> Mapping[str, ClientLimits] | None:
    """None where the stack file's list is not shown, as when it is a secret."""
    if not isinstance(clients, list) or not all(isinstance(c, Mapping) for c in clients):
        return None
    return {limits.name: limits for limits in map(_limits, clients)}


def _limits(client: Mapping[str, Any]) -> ClientLimits:
    paths, rate = client.get("paths"), _number(client.get("requestsPerSecond"))
    return ClientLimits(
        name=str(client.get("name")),
        paths=tuple(map(str, paths)) if isinstance(paths, list) else None,
        requests_per_second=rate,
        burst=_number(client.get("burst")) or rate,
        max_connections=_number(client.get("maxConnections")),
    )


def _number(value: Any) -> int | None:
    """A whole number as a stack file may hold it, also as text."""
    try:
        return None if value is None else int(float(value))
    except (TypeError, ValueError):
        return None


def _renamed(limits: ClientLimits, was: str, becomes: str) -> ClientLimits:
    """The model's new name is in every path; that the address changes is said elsewhere."""
    if limits.paths is None or was == becomes:
        return limits
    model = re.compile(rf"^(/v[12]/models/){re.escape(was)}(?=[/:]|$)")
    paths = (model.sub(lambda path: path[1] + becomes, path) for path in limits.paths)
    return limits.model_copy(update={"paths": tuple(paths)})


def _compared(before: ClientLimits, after: ClientLimits) -> tuple[tuple[str, ...], tuple[str, ...]]:
    was, becomes = (None if x.paths is None else frozenset(x.paths) for x in (before, after))
    less, more = list(_lost(was, becomes)), list(_won(was, becomes))
    for attribute, what in _NUMBERS:
        old, new = getattr(before, attribute), getattr(after, attribute)
        if old == new:
            continue
        so_far = "not limited so far" if old is None else f"{old} so far"
        if new is None:
            more.append(f"is no longer limited in {what[1]} ({so_far})")
        elif old is None or new < old:
            less.append(f"is limited to {counted(new, *what)} ({so_far})")
        else:
            more.append(f"may have {counted(new, *what)} ({so_far})")
    return tuple(less), tuple(more)


def _lost(before: frozenset[str] | None, after: frozenset[str] | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"may no longer ask for anything but {_list(after)}"
    elif before is not None and after is not None and before - after:
        yield f"may no longer ask for {_list(before - after)}"


def _won(before: frozenset[str] | None, after: frozenset[str] | None) -> Iterator[str]:
    if before is not None and after is None:
        yield "may ask for every path"
    elif before is not None and after is not None and after - before:
        yield f"may ask for {_list(after - before)}, too"


def _list(paths: frozenset[str]) -> str:
    return joined([code(path) for path in sorted(paths)])


def _body(before: Enforcement, after: Any) -> tuple[int, int] | None:
    old, new = before.max_request_body_in_mb, _number(after)
    return None if new is None or old == new else (old, new)
