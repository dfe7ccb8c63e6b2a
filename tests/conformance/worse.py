"""A copy of the sidecar that was told something worse, and the cases that see it."""

from __future__ import annotations

import re

from conformance.case import CASES
from conformance.peers import Endpoint
from conformance.run import run
from conformance.witness import Change


def instead(old: str, new: str) -> Change:
    return lambda text: re.sub(old, new, text)


def differing(endpoint: Endpoint, ids: list[str]) -> list[str]:
    return [id_ for id_ in ids if run(CASES[id_], endpoint).differs]
