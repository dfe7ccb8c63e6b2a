"""One way to say no: a sentence for the person who asked, and the exit code of every command."""

from __future__ import annotations

import json


class Refusal(Exception):  # noqa: N818  reads as what it is
    """Something that cannot be done, in one sentence for the person who asked for it."""


def shown(text: str) -> str:
    """What somebody typed, quoted and kept to one short line."""
    quoted = json.dumps(text)
    return quoted if len(quoted) <= 80 else quoted[:77] + '..."'
