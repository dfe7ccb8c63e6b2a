"""azure-pipelines.yml: which stages run when, by their conditions.

Azure Pipelines' own rule is at work here: without a condition a stage wants every stage that it
depends on, the indirect ones, too, to have succeeded; one that was skipped has not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.pipelines.pipelines import AZURE

STAGES: dict[str, Mapping[str, Any]] = {
    stage["stage"]: stage for stage in yaml.safe_load(AZURE.read_text())["stages"]
}
FUNCTIONS = {
    "and_": lambda *values: all(values),
    "not_": lambda value: not value,
    "in_": lambda value, *others: value in others,
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
}

each_stage = pytest.mark.parametrize("name", STAGES)


def wanted(name: str) -> list[str]:
    """The stages that a stage depends on: without a word about it, the one before."""
    names = list(STAGES)
    before = names[: names.index(name)][-1:]
    given = STAGES[name].get("dependsOn", before)
    return [given] if isinstance(given, str) else given


def behind(name: str) -> Iterator[str]:
    for stage in wanted(name):
        yield stage
        yield from behind(stage)


def results(variables: Mapping[str, str], failing: str, *, canceled: bool) -> dict[str, str]:
    """What becomes of every stage of a run with these variables."""
    found: dict[str, str] = {}
    schedule = variables.get("Build.CronSchedule.DisplayName")
    known = {"onlyCleanUp": "False", "isNightly": str(schedule == "nightly"), **variables}
    for name, stage in STAGES.items():
        text = stage.get("condition")
        if text is None:
            runs = not canceled and all(found[other] == "Succeeded" for other in behind(name))
        else:
            text = re.sub(r"\b(and|not|in)\(", r"\1_(", text)
            text = re.sub(r"dependencies\.(\w+)\.result", r"found['\1']", text)
            text = re.sub(r"variables(?:\['([\w.]+)'\]|\.(\w+))", r"known.get('\1\2')", text)
            names = {**FUNCTIONS, "canceled": lambda: canceled, "found": found, "known": known}
            runs = eval(text, {"__builtins__": {}}, names)  # noqa: S307  of our own file
        found[name] = ("Failed" if name == failing else "Succeeded") if runs else "Skipped"
    return found


def run(variables: Mapping[str, str], failing: str = "", *, canceled: bool = False) -> set[str]:
    found = results(variables, failing, canceled=canceled)
    return {name for name, result in found.items() if result != "Skipped"}


MAIN = {"Build.SourceBranch": "refs/heads/main"}
PUSH = {**MAIN, "Build.Reason": "IndividualCI"}
WEEKLY = {**MAIN, "Build.Reason": "Schedule", "Build.CronSchedule.DisplayName": "weekly"}
NIGHTLY = {**MAIN, "Build.Reason": "Schedule", "Build.CronSchedule.DisplayName": "nightly"}
MANUAL = {**MAIN, "Build.Reason": "Manual"}
PULL_REQUEST = {"Build.SourceBranch": "refs/pull/1/merge", "Build.Reason": "PullRequest"}
DEPLOYMENT = {"deploy_dev", "plan_prod", "deploy_prod"}


@pytest.mark.parametrize(
    ("variables", "stages"),
    [
        (PUSH, {"check", *DEPLOYMENT}),
        (MANUAL, {"check", *DEPLOYMENT}),
        (WEEKLY, DEPLOYMENT),
        (NIGHTLY, {"nightly_dev", "nightly_prod"}),
        (PULL_REQUEST, {"check", "preview"}),
        ({**MANUAL, "onlyCleanUp": "True"}, {"clean_up"}),
    ],
    ids=["push", "by hand", "weekly", "nightly", "pull request", "clean-up"],
)
def test_what_runs_when(variables: dict[str, str], stages: set[str]) -> None:
    assert run(variables) == stages


@pytest.mark.parametrize(
    ("failing", "stages"),
    [
        ("check", {"check"}),
        ("deploy_dev", {"check", "deploy_dev"}),
        ("plan_prod", {"check", "deploy_dev", "plan_prod"}),
    ],
)
def test_nothing_is_deployed_behind_a_failure(failing: str, stages: set[str]) -> None:
    assert run(PUSH, failing) == stages


@pytest.mark.parametrize("variables", [PUSH, WEEKLY], ids=["push", "weekly"])
def test_a_run_that_was_cancelled_deploys_nothing(variables: dict[str, str]) -> None:
    assert not run(variables, canceled=True) & DEPLOYMENT


@each_stage
def test_behind_a_stage_that_may_be_skipped_a_stage_says_itself_when_it_runs(name: str) -> None:
    if any("condition" in STAGES[stage] for stage in behind(name)):
        condition = STAGES[name].get("condition", "")
        for stage in wanted(name):
            assert f"dependencies.{stage}.result" in condition
        assert "not(canceled())" in condition
