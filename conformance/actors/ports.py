"""Ports for what is to listen soon."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path


def unused_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has.

    The kernel would give other numbers, and one of them to a client that connects before we listen.
    """
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()
    least = int(outgoing[0])
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            one = held.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", random.randrange(max(1024, least - 12_000), least)))  # noqa: S311
                found.append(one.getsockname()[1])
    return found
