"""The engine's events as lines for a terminal: what happened to which resource, errors once.

The engine's own display repeats an error of the program up to four times.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any, ClassVar

from pulumi.automation import EngineEvent

from common.names import COMPONENTS, STACK

_VERBS = {
    "create": ("+", "create", "created"),
    "update": ("~", "update", "updated"),
    "delete": ("-", "delete", "deleted"),
    "replace": ("+-", "replace", "replaced"),
    "create-replacement": ("++", "create replacement of", "created replacement of"),
    "delete-replaced": ("--", "delete replaced", "deleted replaced"),
    "refresh": ("~", "refresh", "refreshed"),
    "read": (">", "read", "read"),
    "import": ("=", "import", "imported"),
}
# What the engine says besides the error itself.
_ECHOES = re.compile(
    r"^(an unhandled error occurred: |Exception calling application: |update failed|preview failed)"
)


class Display:
    """Give `on_event` to an operation of the Automation API."""

    explained: ClassVar[bool] = False
    """Whether this process has shown why an operation failed."""

    def __init__(self, *, preview: bool = False) -> None:
        self._preview = preview
        self._started: dict[str, float] = {}
        self._said: set[str] = set()
        self._failed = False
        self._ended = 0
        self.changes: dict[str, int] = {}

    def on_event(self, event: EngineEvent) -> None:
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata)
        elif event.diagnostic_event:
            self._diagnose(event.diagnostic_event)
        elif event.summary_event:
            counts = event.summary_event.resource_changes or {}
            self.changes = {str(op): count for op, count in counts.items()}
            self._summarize()

    def _begin(self, step: Any) -> None:
        self._started[step.urn] = time.monotonic()
        if self._preview and _is_visible(step):
            sign, verb, _ = _VERBS[step.op]
            print(f"  {sign:<2} {verb} {_resource(step.urn)}{_reasons(step)}")

    def _end(self, step: Any) -> None:
        if self._preview or not _is_visible(step):
            return
        self._ended += 1
        sign, _, verb = _VERBS[step.op]
        seconds = time.monotonic() - self._started.get(step.urn, time.monotonic())
        took = f" ({seconds:.0f} s)" if seconds >= 1 else ""
        print(f"  {sign:<2} {verb} {_resource(step.urn)}{_reasons(step)}{took}")

    def _diagnose(self, diagnostic: Any) -> None:
        text = re.sub(r"<\{%[^%]*%\}>", "", diagnostic.message).strip()
        if diagnostic.severity not in ("error", "warning") or _ECHOES.match(text):
            return
        if text and text not in self._said:
            self._said.add(text)
            if diagnostic.severity == "error":
                self._failed = Display.explained = True
            urn = diagnostic.urn or ""
            where = "" if STACK in urn else _resource(urn)
            prefix = f"{diagnostic.severity}: {where}: " if where else f"{diagnostic.severity}: "
            print(prefix + text, file=sys.stderr)

    def _summarize(self) -> None:
        # The engine counts the stack itself as created, also where the program refused to run.
        if self._failed and (self._preview or not self._ended):
            print("nothing was made or changed")
            return
        changed = {op: n for op, n in self.changes.items() if op != "same"}
        words = [f"{n} {_VERBS[op][1 if self._preview else 2]}" for op, n in changed.items()]
        if words and "same" in self.changes:
            words.append(f"{self.changes['same']} unchanged")
        # An engine that came as far as looking counts at least the stack itself.
        looked = "same" in self.changes and not self._failed
        print(", ".join(words) or ("no changes" if looked else "nothing was done"))


def _is_visible(step: Any) -> bool:
    """Components and the stack itself have nothing to show: their children do."""
    return step.op in _VERBS and not step.urn.split("::")[2].rsplit("$", 1)[-1].startswith(
        (STACK, COMPONENTS, "pulumi:providers:")
    )


def _resource(urn: str) -> str:
    parts = urn.split("::", 3)
    if len(parts) != 4:
        return ""
    kind = parts[2].rsplit("$", 1)[-1].split(":")
    return f"{parts[3]} ({kind[0]} {kind[-1]})"


def _reasons(step: Any) -> str:
    paths = sorted(step.detailed_diff or step.diffs or ())
    if not paths or step.op in ("create", "delete"):
        return ""
    shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
    return f": {shown}"
