"""What every command of the project has in common: UTF-8, one sentence for an error, exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from common.refusal import Refusal

DONE, FINDINGS, REFUSED, INTERRUPTED = 0, 1, 2, 130


class _Unread(io.TextIOWrapper):
    """Goes on when nobody reads any more (`| head`): no deployment is left half-made for that."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            self._to_nowhere()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            self._to_nowhere()
            super().flush()

    def _to_nowhere(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def use_utf8() -> None:
    """Prints UTF-8, as the project's files are, whatever the machine's locale.

    A name such as `Zoë` would end a run where the locale has no such letter.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us (`>&-`)
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  for good
            setattr(sys, name, nowhere)
        elif stream is getattr(sys, f"__{name}__") and type(stream) is io.TextIOWrapper:
            buffered = stream.line_buffering
            lasting = _Unread(stream.detach(), encoding="utf-8", line_buffering=buffered)
            setattr(sys, name, lasting)
            setattr(sys, f"__{name}__", lasting)
        elif isinstance(stream, io.TextIOWrapper):
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
