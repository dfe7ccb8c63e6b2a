"""The Automation API, without the processes that it starts for nobody."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from pulumi import automation


@cache
def cli(path: str | None) -> automation.PulumiCommand:
    """The CLI at a path, asked for its version once and not for every stack."""
    return automation.PulumiCommand()


def deploy(stack: automation.Stack, **options: Any) -> None:
    """`pulumi up` and no more.

    The Automation API asks the CLI for outputs and history afterwards, in three processes, whether
    anybody reads the answers or not.
    """
    hasty = copy.copy(stack)
    vars(hasty).update(outputs=dict, info=lambda *_: ())
    hasty.up(**options)
