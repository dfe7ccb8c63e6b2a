"""How much the sidecar takes at once, from the memory its container has.

A bound that ignores memory is none: nginx is killed with everybody's requests under way.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY_BUFFER_IN_KB = 1280
"""Of a body so much is held in memory, framing of chunks included; the rest waits on disk.

A body of 1 MB that comes in chunks needs a quarter more.
"""
LEFT_IN_MB = 96
"""Of the memory so much is kept from nginx's worker: for the kernel's buffers, for nginx's master
and zones (some 20 MB each at their largest), and for the page cache through which bodies go to the
disk.
"""
SHARE_OF_BODIES = 0.625
"""The part of what the worker may allocate that bodies may fill; connections have the rest."""
LEAST_MEMORY_IN_GB = 0.2
"""With this much the sidecar stands whatever clients and strangers send; it was tried with nginx
1.30.4 in a control group, with less it was not."""
MOST_CPU = 1
"""One worker cannot use more."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What goes into nginx.conf."""

    body_buffer_in_kb: int
    requests: int
    """At once, of all clients together."""
    requests_per_client: int
    data_limit_in_kb: int
    """What the worker may allocate. Beyond it a connection is lost, and not everybody's requests.

    Counting does not do: nine bytes of a stranger's handshake cost 156 kB where they claim to begin
    a long message, and the usual ones a tenth (measured with nginx 1.30.4 and OpenSSL 3.0).
    """


def sizes(memory_in_gb: float, max_request_body_in_mb: int) -> Sizes:
    """Return the bounds that hold whatever clients send.

    Args:
        memory_in_gb: the container's; program/settings/ refuses less than it can work with.
        max_request_body_in_mb: the largest body that is taken.
    """
    buffer = min(BODY_BUFFER_IN_KB, max_request_body_in_mb * 1280)
    allowed = int(memory_in_gb * 1024 - LEFT_IN_MB) * 1024
    requests = int(allowed * SHARE_OF_BODIES / buffer)
    # Eight clients that take all they may leave nobody else out, and one takes no more than that.
    return Sizes(
        body_buffer_in_kb=buffer,
        requests=requests,
        requests_per_client=max(1, requests // 8),
        data_limit_in_kb=allowed,
    )
