"""How much memory the model server needs for the bodies it is to take.

It parses at most one large body for each of its workers but one; here has to fit one of them. The
numbers are those of `model_image/model_server/memory.py`, which says how they were measured.
"""

from __future__ import annotations

import math

COST = 52
"""MB of memory for each MB of a body, in the worst shape of JSON."""
RESERVE_IN_MB = 64
"""For answers on their way out and the buffers of sockets."""
HELD_IN_MB, HELD_BY_A_WORKER_IN_MB = 128, 2
"""Shares of memory (PSS) once the demo's model is loaded: 97 MB with 2 workers, 108 with 9 and 134
with 32. A larger model needs as much more."""


def workers(cpu: float) -> int:
    """How many the server starts."""
    return max(2, math.ceil(cpu) + 1)


def least_memory_in_mb(max_request_body_in_mb: int, cpu: float) -> int:
    """Return what the container needs for one body of that size, beside small ones.

    Args:
        max_request_body_in_mb: the largest body that is taken.
        cpu: the container's CPUs.
    """
    each = HELD_BY_A_WORKER_IN_MB + COST  # a small body is one of up to 1 MB
    return HELD_IN_MB + RESERVE_IN_MB + workers(cpu) * each + COST * max_request_body_in_mb


def largest_body_in_mb(memory_in_gb: float, cpu: float) -> int:
    """Return the largest body, in whole MB, that a container takes; 0 or less: none."""
    return (int(memory_in_gb * 1024) - least_memory_in_mb(0, cpu)) // COST
