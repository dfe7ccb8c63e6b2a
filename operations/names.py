"""The user's own names that lead to a container group, to be removed before the group is.

Once it is gone somebody else may take its name, and a CNAME that is still there leads to them: to
a web server of theirs, with a certificate that any public CA gives them for the user's name.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass(frozen=True)
class Names:
    """A deployed group's name, and those of the user's own."""

    group: str
    own: tuple[str, ...]

    def leading(self) -> list[str]:
        """Those of the user's own that lead to the group, as this machine's resolver sees it."""
        group = _resolved(self.group)
        return [name for name in self.own if _resolved(name) & {self.group, *group}]


def of(resources: Iterable[Mapping[str, Any]], configured: Iterable[str]) -> Names | None:
    """What a stack's state and its stack file tell; None without a group that has a name."""
    group = None
    deployed: list[str] = []
    for resource in resources:
        if resource["type"].endswith(":containerinstance:ContainerGroup"):
            group = (resource.get("outputs", {}).get("ipAddress") or {}).get("fqdn")
        deployed += resource.get("inputs", {}).get("dnsNames") or []  # of a certificate request
    if not group:
        return None
    return Names(group, tuple(n for n in dict.fromkeys([*deployed, *configured]) if n != group))


def _resolved(name: str) -> set[str]:
    """All that a name leads to: names by CNAME, and addresses, as a zone's apex has them only."""
    try:
        canonical, aliases, addresses = socket.gethostbyname_ex(name)
    except OSError as error:
        if error.errno not in _NO_SUCH_NAME:
            print(f"Where {name} leads could not be looked up: {error.strerror}.")
        return set()
    return {found.rstrip(".").lower() for found in (canonical, *aliases)} | set(addresses)
