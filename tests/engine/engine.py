"""Running the committed program under the real engine, and reading what the engine did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

from localcloud.stack import LocalStack, opened, program
from tests.conftest import shared_home

Operations = dict[str, str]
"""Logical name of a resource to what the engine does with it, as `endpoint-group`: `update`."""

Change = Callable[[str, dict[str, Any], pulumi.ResourceOptions], None]
"""Alters the inputs (and options) of a resource of a type before it is registered."""


class Recorder:
    """Collects what the engine does; give `on_event` to an operation."""

    def __init__(self) -> None:
        self.operations: Operations = {}
        self.order: list[tuple[str, str]] = []
        self.paths: dict[str, list[str]] = {}
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def on_event(self, event: automation.EngineEvent) -> None:
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            self.errors.append(event.diagnostic_event.message)
        if event.diagnostic_event and event.diagnostic_event.severity == "warning":
            self.warnings.append(event.diagnostic_event.message)
        if not event.resource_pre_event:
            return
        step = event.resource_pre_event.metadata
        if "pulumi:providers:" in step.urn:
            return  # the engine's own book-keeping
        name = step.urn.split("::", 3)[3]
        operation = str(step.op.value if hasattr(step.op, "value") else step.op)
        self.order.append((operation, name))
        if operation == "same":
            return
        # A replacement is three steps; `replace` is the one that names it.
        if self.operations.get(name) != "replace":
            self.operations[name] = operation
        self.paths[name] = sorted(step.detailed_diff or step.diffs or ())


def changing(change: Change) -> Callable[[], None]:
    """The committed program, with one thing about its resources changed."""

    def transform(
        args: pulumi.ResourceTransformationArgs,
    ) -> pulumi.ResourceTransformationResult | None:
        props = dict(args.props)
        change(args.type_, props, args.opts)
        return pulumi.ResourceTransformationResult(props, args.opts)

    def run() -> None:
        pulumi.runtime.register_stack_transformation(transform)
        program()

    return run


@contextmanager
def recorded(
    folder: Path,
    stack: str = "dev",
    *,
    config: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    run: Callable[[], None] = program,
) -> Iterator[LocalStack]:
    """A stack whose containers are not started, in a home of its own."""
    with opened(
        stack,
        home=shared_home(folder),
        config=config,
        secrets=secrets,
        records_only=True,
        run=run,
        say=_quiet,
    ) as local:
        yield local


def up(local: LocalStack) -> Recorder:
    recorder = Recorder()
    local.up(on_event=recorder.on_event)
    return recorder


def preview(local: LocalStack) -> Recorder:
    recorder = Recorder()
    local.stack.preview(on_event=recorder.on_event)
    return recorder


def failing_preview(local: LocalStack) -> str:
    """Preview what must be refused; returns the engine's errors."""
    return _errors(local.stack.preview)


def failing_up(local: LocalStack) -> str:
    """Deploy what must be refused; returns the engine's errors."""
    return _errors(local.up)


def _errors(operation: Callable[..., object]) -> str:
    recorder = Recorder()
    try:
        operation(on_event=recorder.on_event)
    except automation.CommandError:
        return "\n".join(recorder.errors)
    raise AssertionError("it was not refused")


def _quiet(line: str) -> None:
    pass
