"""Reports get to the page of a run, on GitHub and on Azure DevOps, and to a pull request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.names import PROJECT

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SYSTEM_", "AGENT_"))}


def publish(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "scripts/publish.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**CLEAN, **environment},
    )


@pytest.fixture
def reports(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "dev.md", tmp_path / "prod.md"]
    for file in files:
        file.write_text(f"## Review of stack `{file.stem}`\n")
    return files


def test_the_summary_of_a_run_on_github(reports: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("before\n")

    assert publish("summary", *reports, GITHUB_STEP_SUMMARY=str(page)).returncode == 0
    assert page.read_text() == ("before\n## Review of stack `dev`\n\n\n## Review of stack `prod`\n")


def test_the_summary_of_a_run_on_azure(reports: list[Path], tmp_path: Path) -> None:
    said = publish("summary", reports[0], AGENT_TEMPDIRECTORY=str(tmp_path)).stdout

    command, _, file = said.strip().partition("]")
    assert command == "##vso[task.uploadsummary"
    assert Path(file).read_text() == "## Review of stack `dev`\n"


def test_a_review_that_could_not_be_made_does_not_hide_the_other(
    reports: list[Path], tmp_path: Path
) -> None:
    reports[0].unlink()

    assert publish("summary", *reports).stdout == (
        "**`dev.md` could not be made**; its step's log says why.\n\n\n## Review of stack `prod`\n"
    )


@pytest.mark.parametrize(
    ("there", "written"),
    [
        ("", "--method POST repos/{owner}/{repo}/issues/12/comments"),
        ("7\\n8\\n", "--method PATCH repos/{owner}/{repo}/issues/comments/7"),
    ],
)
def test_a_comment_on_github_replaces_our_own_and_no_other(
    reports: list[Path], tmp_path: Path, there: str, written: str
) -> None:
    gh, log = tmp_path / "gh", tmp_path / "log"
    body = f'case "$*" in *--jq*) printf "{there}";; *) cat >> {log};; esac'
    gh.write_text(f'#!/bin/sh\necho "$*" >> {log}\n{body}\n')
    gh.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    reports[1].unlink()
    run = {"GITHUB_SERVER_URL": "https://x", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "9"}

    done = publish("comment", *reports, PULL_REQUEST="12", COMMIT="abc123", PATH=path, **run)

    assert done.returncode == 0
    looked, wrote, *text = log.read_text().splitlines()
    assert looked.startswith("api repos/{owner}/{repo}/issues/12/comments --paginate --jq ")
    assert '.user.login == "github-actions[bot]"' in looked
    assert wrote == f"api {written} --silent --field body=@-"
    marker = "<!-- mtls-model-endpoint: review -->"
    assert text[:4] == [marker, "Of commit abc123.", "", "## Review of stack `dev`"]
    assert text[-1] == (
        "**`prod.md` could not be made**; [its run](https://x/o/r/actions/runs/9) says why."
    )
    assert f'startswith("{marker}")' in looked
    assert "is no number" in publish("comment", *reports, PULL_REQUEST="1;x", PATH=path).stderr


def test_a_comment_is_never_longer_than_github_takes(reports: list[Path], tmp_path: Path) -> None:
    for file in reports:
        file.write_text("x" * 60_000)
    page = tmp_path / "page"

    publish("summary", *reports, GITHUB_STEP_SUMMARY=str(page))

    assert 60_000 < len(page.read_text()) < 65_536


def test_without_a_pull_request_there_is_nothing_to_comment_on(reports: list[Path]) -> None:
    assert "there is no pull request" in publish("comment", *reports).stderr
