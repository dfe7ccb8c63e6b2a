"""Each bad program is stopped by the real engine, and the committed stacks have no finding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import pytest
from pulumi import automation

from localcloud.home import PROJECT
from localcloud.stack import LocalStack, program
from policy.guardrails import GUARDRAILS
from tests.engine.engine import changing, recorded
from tests.policy.bad_programs import BAD, Bad

PACK = PROJECT / "policy"
Finding = tuple[str, str, str]
"""Enforcement level, guardrail, what is said."""


def judged(operation: Callable[..., object], environment: str) -> tuple[bool, list[Finding]]:
    """Whether the engine went on, and what the pack said."""
    found: list[Finding] = []

    def listen(event: automation.EngineEvent) -> None:
        if said := event.policy_event:
            found.append((str(said.enforcement_level), said.policy_name, said.message))

    try:
        operation(
            on_event=listen,
            policy_packs=[str(PACK)],
            policy_pack_configs=[str(PACK / f"config/{environment}.json")],
        )
    except automation.CommandError:
        return False, found
    return True, found


def bad_program(bad: Bad) -> Callable[[], None]:
    def change(type_: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        if type_ == bad.type and bad.edit:
            bad.edit(props, opts)

    run = changing(change) if bad.edit else program

    def patched() -> None:
        with ExitStack() as stack:
            for name, function in bad.patches.items():
                stack.enter_context(mock.patch(name, function))
            run()

    return patched


@pytest.mark.parametrize("name", BAD)
def test_a_bad_program_is_stopped_and_told_what_to_do(deployed_dev: Path, name: str) -> None:
    bad = BAD[name]
    with recorded(deployed_dev, config=bad.config, run=bad_program(bad)) as local:
        went_on, found = judged(_up_or_preview(local, bad), bad.environment)

    assert not went_on
    said = [text for level, rule, text in found if (level, rule) == ("mandatory", bad.guardrail)]
    assert any(bad.words in text for text in said), found
    remedy = next(g.remedy for g in GUARDRAILS if g.name == bad.guardrail)
    assert all(remedy in text for text in said)
    assert "MIGH" not in str(found)


def _up_or_preview(local: LocalStack, bad: Bad) -> Callable[..., object]:
    """What is new is known only after it was made; everything else a preview stops."""
    late = {"accepted-are-clients", "clients-can-keep-up"}
    return local.up if bad.guardrail in late else local.stack.preview


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_committed_stack_has_no_finding(tmp_path: Path, stack: str) -> None:
    environment = "prod" if stack == "prod" else "dev"
    with recorded(tmp_path, stack) as local:
        for operation in (local.stack.preview, local.up, local.stack.preview):
            assert judged(operation, environment) == (True, [])


def test_there_are_at_least_thirty_and_each_has_its_own_defect() -> None:
    assert len(BAD) >= 30
    assert {bad.guardrail for bad in BAD.values()} <= {g.name for g in GUARDRAILS}
