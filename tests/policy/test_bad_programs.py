"""Each bad program is stopped by the real engine, and the committed stacks have no finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import pytest
from pulumi import automation

from common.names import PROJECT
from conformance.actors.years import aged
from localcloud.stack import LocalStack, program
from policy.guardrails import GUARDRAILS
from policy.guardrails.rule import FIRST_PREVIEW
from tests.engine.engine import changing, recorded
from tests.policy.bad_programs import BAD, Bad
from tests.policy.edits import DEV

PACK = PROJECT / "policy"
TRUST_ANOTHER = {"certificates": {**DEV, "ca": {"trusted": [1, 2], "issuing": 1}}}
Finding = tuple[str, str, str]
"""Enforcement level, guardrail, what is said."""


def judged(operation: Callable[..., object], environment: str) -> tuple[bool, list[Finding]]:
    """Whether the engine went on, and what the pack said, configured as for an environment.

    Or by a file, if there is a folder in its name.
    """
    found: list[Finding] = []

    def listen(event: automation.EngineEvent) -> None:
        if said := event.policy_event:
            found.append((str(said.enforcement_level), said.policy_name, said.message))

    try:
        operation(
            on_event=listen,
            policy_packs=[str(PACK)],
            policy_pack_configs=[
                environment if "/" in environment else str(PACK / f"config/{environment}.json")
            ],
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
    """New certificates are known only after they were made; everything else a preview stops."""
    return local.up if bad.new_certificates else local.stack.preview


FIRST_BAD = {bad.guardrail: bad for bad in reversed(BAD.values())}


@pytest.mark.parametrize("name", FIRST_BAD)
def test_a_guardrail_says_whether_a_first_preview_shows_a_defect(tmp_path: Path, name: str) -> None:
    bad, (guardrail,) = FIRST_BAD[name], (g for g in GUARDRAILS if g.name == name)
    with recorded(tmp_path, config=bad.config, run=bad_program(bad)) as local:
        went_on, found = judged(local.stack.preview, bad.environment)

    assert (not went_on) == (guardrail.seen == FIRST_PREVIEW)
    assert "can't run policy" not in str(found), "the engine has skipped a rule"


def test_what_a_stack_overrides_only_advises(deployed_dev: Path, tmp_path: Path) -> None:
    """The engine lists it, and goes on."""
    lenient = tmp_path / "lenient.json"
    bad = BAD["registry with an admin user"]
    for level, said in (("advisory", ["advisory"]), ("disabled", [])):
        lenient.write_text(json.dumps({bad.guardrail: {"enforcementLevel": level}}))
        with recorded(deployed_dev, run=bad_program(bad)) as local:
            went_on, found = judged(local.stack.preview, str(lenient))

        assert went_on
        assert [level for level, _, _ in found] == said


def test_a_ca_that_is_being_replaced_is_pointed_out(deployed_dev: Path) -> None:
    with recorded(deployed_dev, config=TRUST_ANOTHER) as local:
        assert judged(local.up, "dev")[0]
        went_on, found = judged(local.stack.preview, "dev")

    assert went_on
    ((level, name, text),) = found
    assert (level, name) == ("advisory", "no-ca-left-over")
    assert "2 CAs are trusted" in text


def test_a_certificate_that_is_about_to_end_stops_every_change(tmp_path: Path) -> None:
    config = {
        "certificates": {
            **DEV,
            "renewBeforeDays": {"client": 2},
            "expiry": {"warnDays": 1, "failDays": 0},
        }
    }
    with recorded(tmp_path, config=config) as local:
        local.up()
        aged(local, "client-alice@1-certificate", 5)
        went_on, found = judged(local.stack.preview, "dev")

    assert not went_on
    assert ("mandatory", "not-about-to-end") in {(level, name) for level, name, _ in found}
    assert "client-alice@1-certificate ends in 4 days" in str(found)


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_committed_stack_has_no_finding(tmp_path: Path, stack: str) -> None:
    environment = "prod" if stack == "prod" else "dev"
    with recorded(tmp_path, stack) as local:
        for operation in (local.stack.preview, local.up, local.stack.preview):
            assert judged(operation, environment) == (True, [])


def test_there_are_at_least_thirty_and_each_has_its_own_defect() -> None:
    assert len(BAD) >= 30
    assert {bad.guardrail for bad in BAD.values()} <= {g.name for g in GUARDRAILS}
