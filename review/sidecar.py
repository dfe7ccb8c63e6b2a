"""What the sidecar that runs today was told, read back from the nginx.conf of the last deployment.

The stack file of that time is nowhere in a preview; the sidecar's configuration is, for it is a
plain output of its component. A preview does not hold the new one, which is in the stack file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from common.names import SIDECAR
from review.steps import Preview

_NAMES = re.compile(r"^\s*server_name ([^;]+);", re.MULTILINE)
_BODY = re.compile(r"^\s*client_max_body_size (\d+)m;", re.MULTILINE)
_GRANTS = re.compile(r"\$path_is_granted \{(.*?)\n    \}", re.DOTALL)
_GRANT = re.compile(r'^\s*"([^"~ ]+) ([^" ]+)" yes;', re.MULTILINE)
_COUNTED = re.compile(
    r'map "=\$client_name" \$is_client_(\d+) \{\s*default "";\s*"=([^"]+)" \$pid;',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Rights:
    """What one client may ask for, and how much of it; None where it is not limited."""

    paths: frozenset[str] | None = None
    requests_per_second: int | None = None
    burst: int | None = None
    max_connections: int | None = None


@dataclass(frozen=True)
class Sidecar:
    """A configuration, as far as clients notice it."""

    server_names: tuple[str, ...]
    max_body_in_mb: int | None
    rights: Mapping[str, Rights]
    """Of clients that may not do everything."""


def running(preview: Preview) -> Sidecar | None:
    """The sidecar of today; None where there is none, or the preview does not tell."""
    for step in preview.steps:
        if step.type == SIDECAR and step.old:
            return parsed(str(step.old.outputs.get("configuration")))
    return None


def parsed(configuration: str) -> Sidecar | None:
    """None if this is no configuration of the sidecar: it may be hidden as a secret."""
    names = _NAMES.search(configuration)
    if names is None:
        return None
    body = _BODY.search(configuration)
    return Sidecar(
        server_names=tuple(names[1].split()),
        max_body_in_mb=int(body[1]) if body else None,
        rights=_rights(configuration),
    )


def _rights(configuration: str) -> Mapping[str, Rights]:
    grants = _GRANTS.search(configuration)
    paths: dict[str, set[str]] = {}
    for name, path in _GRANT.findall(grants[1] if grants else ""):
        paths.setdefault(name, set()).add(path)
    counted = {name: number for number, name in _COUNTED.findall(configuration)}

    def told(pattern: str, name: str) -> int | None:
        if name not in counted:
            return None
        found = re.search(pattern.replace("N", counted[name]), configuration)
        return int(found[1]) if found else None

    return {
        name: Rights(
            paths=frozenset(paths[name]) if name in paths else None,
            requests_per_second=told(r"zone=requests_of_client_N:\w+ rate=(\d+)r/s;", name),
            burst=told(r"limit_req zone=requests_of_client_N burst=(\d+)", name),
            max_connections=told(r"limit_conn connections_of_client_N (\d+);", name),
        )
        for name in {*paths, *counted}
    }
