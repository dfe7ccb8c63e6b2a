"""What every command of the project has in common: UTF-8, one sentence for an error, exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from common.refusal import Refusal

DONE, FINDINGS, REFUSED, INTERRUPTED = 0, 1, 2, 130


def use_utf8() -> None:
    """Prints UTF-8, as the project's files are, whatever the machine's locale.

    A name such as `Zoë` would end a run where the locale has no such letter.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


def finished(run: Callable[[], int]) -> int:
    """Runs a command and returns its exit code; a refusal is one sentence on standard error."""
    use_utf8()
    try:
        return run()
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    return REFUSED
