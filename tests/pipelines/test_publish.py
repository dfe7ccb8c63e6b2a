"""Reports get to the page of a run, on GitHub and on Azure DevOps, and to a pull request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.home import PROJECT

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

    assert publish("summary", *reports).stdout == "## Review of stack `prod`\n"
    reports[1].unlink()
    assert "the step before says why" in publish("summary", *reports).stderr


GH = """#!{python}
import json, sys
from pathlib import Path

kept = Path({kept!r})
comments = json.loads(kept.read_text())
command, *options, path = sys.argv[1:]
assert command == "api", command
if "--input" not in options:
    assert path == "repos/owner/name/issues/12/comments?per_page=100" and options == ["--paginate"]
    for page in (comments[:2], comments[2:]):  # one array after the other
        print(json.dumps(page), end="")
else:
    body = json.load(sys.stdin)["body"]
    if options[:2] == ["--method", "POST"]:
        assert path == "repos/owner/name/issues/12/comments"
        bot = {{"login": "github-actions[bot]"}}
        comments.append({{"id": 100 + len(comments), "user": bot, "body": body}})
    else:
        assert options[:2] == ["--method", "PATCH"]
        at = "repos/owner/name/issues/comments/"
        (comment,) = [c for c in comments if path == at + str(c["id"])]
        comment["body"] = body
    kept.write_text(json.dumps(comments))
"""
"""What of `gh api` is used, on the comments of one pull request in a file."""

MARKED = "<!-- review of stack dev -->\n"


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    kept = tmp_path / "comments.json"
    (tmp_path / "gh").write_text(GH.format(python=sys.executable, kept=str(kept)))
    (tmp_path / "gh").chmod(0o755)
    return kept


def commented(reports: list[Path], comments: Path, number: str = "12") -> str:
    path = f"{comments.parent}:{os.environ['PATH']}"
    given = {"PULL_REQUEST": number, "GITHUB_REPOSITORY": "owner/name", "PATH": path}
    return publish("comment", *reports, **given).stderr


def test_a_comment_on_github_is_written_over_our_own_and_nobody_elses(
    reports: list[Path], comments: Path
) -> None:
    others = [
        {"id": 1, "user": {"login": "somebody"}, "body": MARKED + "a quotation"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "coverage: 90%"},
        {"id": 3, "user": None, "body": None},
    ]
    comments.write_text(json.dumps(others))
    reports[0].write_text(MARKED + "first")

    assert commented(reports, comments) == ""
    # Another workflow's comment is the last one now.
    others.append({"id": 4, "user": {"login": "github-actions[bot]"}, "body": "licences: fine"})
    comments.write_text(json.dumps([*json.loads(comments.read_text()), others[-1]]))
    reports[0].write_text(MARKED + "second")
    assert commented(reports, comments) == ""

    written = json.loads(comments.read_text())
    ours = [comment for comment in written if comment not in others]
    assert [comment["body"] for comment in ours] == [
        MARKED + "second\n\n## Review of stack `prod`\n"
    ]
    assert len(written) == len(others) + 1


def test_a_comment_that_gh_cannot_write(reports: list[Path], comments: Path) -> None:
    assert "PULL_REQUEST: '1;x' is no number" in commented(reports, comments, "1;x")
    comments.write_text("no JSON")
    assert "gh could not write the comment, and says why above" in commented(reports, comments)


def test_a_comment_is_never_longer_than_github_takes(reports: list[Path], tmp_path: Path) -> None:
    for file in reports:
        file.write_text("x" * 60_000)
    page = tmp_path / "page"

    publish("summary", *reports, GITHUB_STEP_SUMMARY=str(page))

    assert 60_000 < len(page.read_text()) < 65_536


def test_without_a_pull_request_there_is_nothing_to_comment_on(reports: list[Path]) -> None:
    assert "there is no pull request" in publish("comment", *reports).stderr
