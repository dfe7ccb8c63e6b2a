"""What each client may do before and after: paths, requests in a second, connections.

Before is read from the nginx.conf that is deployed (what the sidecar's component told), after from
the stack file. A client that comes or goes is for access.py to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from review.steps import Preview
from review.text import code, joined

_SIDECAR = "mtls-model-endpoint:index:NginxSidecar"
_AMOUNTS = {
    "requests_per_second": "requests a second",
    "burst": "requests at once",
    "max_connections": "connections",
}


@dataclass(frozen=True)
class Limits:
    """Of one client; None is no limit."""

    paths: frozenset[str] | None = None
    requests_per_second: int | None = None
    burst: int | None = None
    max_connections: int | None = None


@dataclass(frozen=True)
class Change:
    """Of what a client may do."""

    client: str
    words: str
    narrower: bool


def changes(preview: Preview) -> list[Change]:
    """Narrower ones first."""
    text = _deployed(preview)
    if text is None or preview.setting("tls") == "none":
        return []
    before, after = parsed(text), _configured(preview)
    found = [
        change
        for client in sorted(before.keys() & after.keys())
        for change in _compared(client, before[client], after[client])
    ]
    return sorted(found, key=lambda change: not change.narrower)


def parsed(text: str) -> dict[str, Limits]:
    """Limits of all clients that an nginx.conf of this project lets in."""
    listed = re.search(r"\$client_name \{(.*?)\n    \}", text, re.DOTALL)
    names = re.findall(r'" "([^"]+)";', listed[1]) if listed else []
    found = {name: Limits() for name in names}
    for name, path in re.findall(r'^\s*"([^" ]+) (/[^"]*)" yes;', text, re.MULTILINE):
        if name in found:
            known = found[name].paths or frozenset()
            found[name] = replace(found[name], paths=known | {path})
    for number, name in re.findall(r'\$is_client_(\d+) \{\s+default "";\s+"([^"]+)" yes;', text):
        if name in found:
            found[name] = replace(
                found[name],
                requests_per_second=_int(rf"requests_of_client_{number}:\w+ rate=(\d+)r/s", text),
                burst=_int(rf"zone=requests_of_client_{number} burst=(\d+)", text),
                max_connections=_int(rf"limit_conn connections_of_client_{number} (\d+);", text),
            )
    return found


def _int(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _deployed(preview: Preview) -> str | None:
    for step in preview.steps:
        if step.type == _SIDECAR and step.old:
            told = step.old.outputs.get("configuration")
            return told if isinstance(told, str) else None
    return None


def _configured(preview: Preview) -> dict[str, Limits]:
    clients = preview.setting("clients")
    found = {}
    for client in clients if isinstance(clients, list) else ():
        if isinstance(client, Mapping) and isinstance(client.get("name"), str):
            found[client["name"]] = _of(client)
    return found


def _of(client: Mapping[str, Any]) -> Limits:
    paths, rate = client.get("paths"), client.get("requestsPerSecond")
    return Limits(
        paths=frozenset(paths) if isinstance(paths, list) else None,
        requests_per_second=rate,
        burst=client.get("burst") or rate,
        max_connections=client.get("maxConnections"),
    )


def _compared(client: str, before: Limits, after: Limits) -> Iterator[Change]:
    if before.paths != after.paths:
        yield from _of_paths(client, before.paths, after.paths)
    for key, words in _AMOUNTS.items():
        old, new = getattr(before, key), getattr(after, key)
        if old == new:
            continue
        narrower = new is not None and (old is None or new < old)
        now = f"no limit on {words}" if new is None else f"at most {new} {words}"
        then = "no limit" if old is None else str(old)
        yield Change(client, f"{now} (before: {then})", narrower)


def _of_paths(
    client: str, before: frozenset[str] | None, after: frozenset[str] | None
) -> Iterator[Change]:
    if after is None:
        yield Change(client, "may ask for every path", narrower=False)
    elif before is None:
        yield Change(client, f"may ask for {_names(after)} only", narrower=True)
    else:
        if gone := before - after:
            yield Change(client, f"may no longer ask for {_names(gone)}", narrower=True)
        if new := after - before:
            yield Change(client, f"may ask for {_names(new)}, too", narrower=False)


def _names(paths: frozenset[str]) -> str:
    return joined([code(path) for path in sorted(paths)])
