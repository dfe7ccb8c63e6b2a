"""What a pipeline may do, in GitHub Actions and in Azure Pipelines alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.names import PROJECT
from tests.pipelines.pipelines import (
    AZURE,
    PREPARES,
    WORKFLOWS,
    Job,
    azure_jobs,
    azure_steps,
    github_jobs,
    workflow,
)

GITHUB = list(github_jobs())
AZURES = list(azure_jobs())
BOTH = [*GITHUB, *AZURES]
TARGETS = set(re.findall(r"(?m)^([a-z-]+):(?!=)", (PROJECT / "Makefile").read_text()))
NEEDS_AZURE = {
    "make deploy",
    "make plan",
    "make drift",
    "make certificates",
    "make destroy",
    "make smoke",
}

each_job = pytest.mark.parametrize("job", BOTH, ids=lambda job: job.name)
each_github_job = pytest.mark.parametrize("job", GITHUB, ids=lambda job: job.name)
each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def comments(job: Job) -> bool:
    return ("make comment", "") in job.calls


@each_job
def test_a_job_calls_targets_of_the_makefile_and_nothing_else(job: Job) -> None:
    assert job.calls
    for command, _ in job.calls:
        assert re.fullmatch(r"make [a-z-]+", command), command
        assert command.removeprefix("make ") in TARGETS


def test_both_systems_have_the_same_jobs_but_for_the_comment() -> None:
    azure = sorted(job.what for job in AZURES)
    assert sorted(job.what for job in GITHUB if not comments(job)) == azure
    assert len(azure) == len(GITHUB) - 1 > 5


@each_job
def test_a_job_ends_at_last(job: Job) -> None:
    minutes = job.definition.get("timeout-minutes") or job.definition.get("timeoutInMinutes")
    assert isinstance(minutes, int)
    assert 5 <= minutes <= 60


@each_job
def test_only_an_environment_gets_at_azure(job: Job) -> None:
    needed = {command for command, _ in job.calls} & NEEDS_AZURE
    text = str(job.definition)
    assert bool(job.environment) == bool(needed)
    assert ("azure/login" in text or "AzureCLI@2" in text) == bool(needed)
    assert ("id-token" in text or "AzureCLI@2" in text) == bool(needed)


@each_job
def test_prod_is_deployed_only_behind_its_approval(job: Job) -> None:
    if ("make deploy", "prod") in job.calls:
        assert job.environment == "prod"
        assert job.definition.get("needs", "plan-prod") == "plan-prod"
    else:
        assert job.environment != "prod"


@pytest.mark.parametrize("jobs", [GITHUB, AZURES], ids=["github", "azure"])
def test_prod_is_planned_only_once_a_client_was_let_in_at_dev(jobs: list[Job]) -> None:
    (job,) = [job for job in jobs if ("make deploy", "dev") in job.calls]
    assert job.calls[-2:] == (("make deploy", "dev"), ("make smoke", "dev"))
    steps = job.definition["steps"] if jobs is GITHUB else azure_steps(job.definition)
    client = steps[-1]["env"]["CLIENT"]
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    assert {"name": client} in config["mtls-model-endpoint:clients"]


@pytest.mark.parametrize("job", [job for job in BOTH if job.environment], ids=lambda job: job.name)
def test_what_takes_minutes_is_done_before_the_login(job: Job) -> None:
    """In Azure Pipelines each task logs in by itself."""
    steps = job.definition["steps"] if job in GITHUB else azure_steps(job.definition)
    login = "azure/login@" if job in GITHUB else "AzureCLI@"
    first = next(n for n, step in enumerate(steps) if login in str(step))
    assert "make plugins" in [step.get("run") or step.get("script") for step in steps[:first]]


def test_what_comes_from_a_pull_requests_code_lies_beside_the_bases() -> None:
    (job,) = filter(comments, GITHUB)
    (download,) = (s for s in job.definition["steps"] if "download-artifact" in s.get("uses", ""))
    assert download["with"]["path"] == "reports"
    files = job.definition["steps"][-1]["env"]["FILES"].split()
    assert files
    assert all(file.startswith("reports/") for file in files)


@pytest.mark.parametrize("jobs", [GITHUB, AZURES], ids=["github", "azure"])
def test_a_review_is_kept(jobs: list[Job]) -> None:
    (job,) = [job for job in jobs if ("make review", "dev") in job.calls]
    steps = job.definition["steps"]
    for stack in ("dev", "prod"):
        (step,) = [step for step in steps if step.get("env", {}).get("S") == stack]
        options = re.findall(r"--(\w+) (?:\S+/)?(\S+)", step["env"]["ARGS"])
        assert options == [("markdown", f"review-{stack}.md")]
    (upload,) = [step for step in steps if "publish" in step or "upload" in step.get("uses", "")]
    if jobs is GITHUB:
        assert upload["with"]["path"] == "review-*"
    else:
        kept = f"{upload['publish']}/"
        assert all(kept in s["env"]["ARGS"] for s in steps if s.get("script") == "make review")


@each_workflow
def test_a_workflow_grants_nothing_but_by_the_job(file: Path) -> None:
    assert workflow(file)["permissions"] == {}


@each_github_job
def test_a_job_is_granted_only_what_it_is_known_to_need(job: Job) -> None:
    granted = {"contents": "read"}
    if job.environment:
        granted["id-token"] = "write"
    if ("make approval", "") in job.calls:
        granted["actions"] = "read"
    if comments(job):
        granted["pull-requests"] = "write"
    assert job.definition["permissions"] == granted


@each_workflow
def test_code_of_a_pull_request_never_runs_with_rights_of_the_base(file: Path) -> None:
    triggers = workflow(file)["on"]
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)
    if "pull_request" in triggers:
        assert "id-token" not in file.read_text()
        assert "environment:" not in file.read_text()


def test_the_job_that_comments_runs_the_base() -> None:
    (job,) = filter(comments, GITHUB)
    checkout = job.definition["steps"][0]["with"]
    assert checkout["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "head.repo.full_name == github.repository" in job.definition["if"]


def test_in_azure_where_every_job_has_the_same_token_none_writes_to_a_pull_request() -> None:
    assert not any(map(comments, AZURES))
    assert "AccessToken" not in AZURE.read_text()


@pytest.mark.parametrize("file", [*WORKFLOWS, AZURE], ids=lambda file: file.stem)
def test_no_secret_is_stored_anywhere(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"\bsecrets[.\[]|secrets: inherit", text)
    tokens = re.findall(r"github\.token|System\.AccessToken", text)
    assert len(tokens) == len(re.findall(r"run: make (?:comment|approval)\b", text))


@each_github_job
def test_every_action_is_pinned_by_its_commit(job: Job) -> None:
    for step in job.definition["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_a_pin_says_which_version_it_is_and_there_is_one_of_each() -> None:
    pins: dict[str, set[str]] = {}
    for file in WORKFLOWS:
        for action, pin in re.findall(r"uses: (\S+)@(.*)", file.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), pin
            pins.setdefault(action, set()).add(pin)
    documented = (PROJECT / "docs" / "pipelines.md").read_text()
    for action, found in pins.items():
        (pin,) = found
        version = pin.split(" # ")[1]
        assert f"| `{action}` | {version} |" in documented


@each_github_job
def test_a_checkout_leaves_no_token_behind(job: Job) -> None:
    checkout = job.definition["steps"][0]
    assert checkout["uses"].startswith("actions/checkout@")
    assert checkout["with"]["persist-credentials"] is False


def changes_a_stack(job: Job) -> bool:
    return bool({"make deploy", "make destroy"} & {command for command, _ in job.calls})


@pytest.mark.parametrize(
    "job", [job for job in GITHUB if changes_a_stack(job)], ids=lambda job: job.name
)
def test_two_jobs_never_change_a_stack_at_once_and_none_is_cut_short(job: Job) -> None:
    (stack,) = {stack for command, stack in job.calls if command not in PREPARES}
    assert job.definition["concurrency"] == {
        "group": f"stack-{stack}",
        "cancel-in-progress": False,
    }


@pytest.mark.parametrize(
    "job", [job for job in AZURES if changes_a_stack(job)], ids=lambda job: job.name
)
def test_in_azure_a_job_that_changes_a_stack_is_alone_in_its_stage(job: Job) -> None:
    stages: list[Mapping[str, Any]] = yaml.safe_load(AZURE.read_text())["stages"]
    (stage,) = [stage for stage in stages if stage["stage"] == job.name.split("/")[0]]
    assert len(stage["jobs"]) == 1


@pytest.mark.parametrize("job", AZURES, ids=lambda job: job.name)
def test_in_azure_a_job_logs_in_as_its_environment(job: Job) -> None:
    for step in azure_steps(job.definition):
        if "task" in step:
            name = step["inputs"]["azureSubscription"]
            assert name == f"mtls-model-endpoint-{job.environment}"
