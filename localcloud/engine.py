"""The Automation API, without the processes that it starts for nobody."""

from __future__ import annotations

import atexit
import copy
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pulumi import automation

# At its end the interpreter looks for cycles among all that Azure's SDK defines, for half a second.
atexit.register(gc.freeze)


@cache
def cli(path: str | None) -> automation.PulumiCommand:
    """The CLI at a path, asked for its version once and not for every stack."""
    return automation.PulumiCommand()


class Workspace(automation.LocalWorkspace):
    """Where a stack is known by its file: the engine need not be asked for it.

    Nor is one selected: each command is given its name.
    """

    def __init__(self, *, state: Path, **options: Any) -> None:
        super().__init__(**options)
        self._state = state

    def select_stack(self, stack_name: str) -> None:
        if not any(stack_files(self._state, stack_name)):
            raise automation.StackNotFoundError(automation.CommandResult("", stack_name, 1))


def stack_files(state: Path, stack_name: str) -> Iterator[Path]:
    """The engine's record of a stack, if it has one."""
    return state.rglob(f"stacks/*/{stack_name}.json")


def deploy(stack: automation.Stack, **options: Any) -> None:
    """`pulumi up` and no more.

    The Automation API asks the CLI for outputs and history afterwards, in three processes, whether
    anybody reads the answers or not.
    """
    hasty = copy.copy(stack)
    vars(hasty).update(outputs=dict, info=lambda *_: ())
    gc.disable()  # it would look through the SDK again and again, where nothing is garbage
    try:
        hasty.up(**options)
    finally:
        gc.enable()
