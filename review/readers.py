"""Who may fetch a client's bundle from the key vault after the change, and who no longer may.

A reader's role at a secret is a resource of its own, named after the client and the reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from common.names import ROLE_ASSIGNMENT
from review.steps import Preview

_READER = re.compile(
    r"client-vault-reader-(?P<client>.+)-(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-.+)"
)


@dataclass(frozen=True)
class Reader:
    """Somebody whose right to read a client's secret changes."""

    client: str
    object_id: str
    gains: bool


def changed(preview: Preview) -> Sequence[Reader]:
    """Those who gain it first."""
    found = [
        Reader(reader["client"], reader["id"], step.op == "create")
        for step in preview.resources
        if step.type == ROLE_ASSIGNMENT and step.op in ("create", "delete")
        if (reader := _READER.fullmatch(step.name))
    ]
    return sorted(found, key=lambda reader: (not reader.gains, reader.client, reader.object_id))
