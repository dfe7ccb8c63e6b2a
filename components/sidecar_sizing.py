"""How much the sidecar takes at once, from the memory its container has.

A bound that ignores memory is none: nginx is killed with everybody's requests under way.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY_BUFFER_IN_KB = 1280
"""Of a body so much is held in memory, framing of chunks included; the rest waits on disk.

A body of 1 MB that comes in chunks needs a quarter more.
"""
SHARE_OF_BODIES = 0.5
"""The part of the memory that buffers may fill; connections and the page cache have the rest."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What goes into nginx.conf."""

    body_buffer_in_kb: int
    requests: int
    """At once, of all clients together."""
    requests_per_client: int


def sizes(memory_in_gb: float, max_request_body_in_mb: int) -> Sizes:
    """Return the bounds that hold whatever clients send.

    Args:
        memory_in_gb: the container's; settings/ refuses less than it can work with.
        max_request_body_in_mb: the largest body that is taken.
    """
    buffer = min(BODY_BUFFER_IN_KB, max_request_body_in_mb * 1280)
    requests = int(memory_in_gb * 1024 * 1024 * SHARE_OF_BODIES / buffer)
    # Eight clients that take all they may leave nobody else out, and one takes no more than that.
    return Sizes(
        body_buffer_in_kb=buffer, requests=requests, requests_per_client=max(1, requests // 8)
    )
