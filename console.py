"""What the project's commands print is UTF-8, as its files are, whatever the machine's locale."""

from __future__ import annotations

import io
import sys


def use_utf8() -> None:
    """Print names such as `Zoë` also where the locale has no such letter, which would end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
