"""Reports get to the page of a run and to a pull request, on GitHub and on Azure DevOps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


def test_a_comment_on_github_replaces_the_last_one(reports: list[Path], tmp_path: Path) -> None:
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\necho "gh $*"\ncat\n')
    gh.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    said = publish("comment", *reports, PULL_REQUEST="12", PATH=path)

    assert said.stdout.startswith(
        "gh pr comment 12 --edit-last --create-if-none --body-file -\n## Review of stack `dev`\n"
    )
    assert "is no number" in publish("comment", *reports, PULL_REQUEST="1;x", PATH=path).stderr


def test_a_comment_is_never_longer_than_github_takes(reports: list[Path], tmp_path: Path) -> None:
    for file in reports:
        file.write_text("x" * 60_000)
    page = tmp_path / "page"

    publish("summary", *reports, GITHUB_STEP_SUMMARY=str(page))

    assert 60_000 < len(page.read_text()) < 65_536


class AzureDevOps(BaseHTTPRequestHandler):
    """The threads of one pull request, as its REST API keeps them."""

    threads: list[dict[str, Any]]
    seen: list[str]

    def handle_one(self, method: str) -> None:
        self.seen.append(f"{method} {self.path} {self.headers['Authorization']}")
        length = int(self.headers["Content-Length"] or 0)
        body = json.loads(self.rfile.read(length) or "null")
        if method == "POST":
            comments = [{**comment, "id": 1} for comment in body["comments"]]
            self.threads.append({"id": len(self.threads) + 1, "comments": comments})
        elif method == "PATCH":
            _, thread, _, comment = self.path.partition("?")[0].rsplit("/", 3)
            self.threads[int(thread) - 1]["comments"][int(comment) - 1].update(body)
        self.send_response(403 if "denied" in self.path else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"value": self.threads}).encode())

    def do_GET(self) -> None:
        self.handle_one("GET")

    def do_POST(self) -> None:
        self.handle_one("POST")

    def do_PATCH(self) -> None:
        self.handle_one("PATCH")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def azure() -> Iterator[tuple[type[AzureDevOps], dict[str, str]]]:
    handler = type("Handler", (AzureDevOps,), {"threads": [], "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield (
            handler,
            {
                "SYSTEM_COLLECTIONURI": f"http://127.0.0.1:{server.server_port}/org/",
                "SYSTEM_TEAMPROJECTID": "project",
                "BUILD_REPOSITORY_ID": "repository",
                "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
                "SYSTEM_ACCESSTOKEN": "token",
            },
        )
        server.shutdown()


def test_a_comment_on_azure_is_written_once_and_then_changed(
    reports: list[Path], azure: tuple[type[AzureDevOps], dict[str, str]]
) -> None:
    server, environment = azure
    server.threads.append({"id": 1, "comments": [{"id": 1, "content": "somebody's"}]})

    assert publish("comment", reports[0], **environment).returncode == 0
    assert publish("comment", reports[1], **environment).returncode == 0

    contents = [thread["comments"][0]["content"] for thread in server.threads]
    assert len(contents) == 2
    assert contents[0] == "somebody's"
    assert contents[1].endswith("## Review of stack `prod`\n")
    path = "/org/project/_apis/git/repositories/repository/pullRequests/7/threads"
    assert [line.split()[0] for line in server.seen] == ["GET", "POST", "GET", "PATCH"]
    assert all(f" {path}" in line and line.endswith("Bearer token") for line in server.seen)


def test_azure_refuses(
    reports: list[Path], azure: tuple[type[AzureDevOps], dict[str, str]]
) -> None:
    _, environment = azure

    said = publish("comment", reports[0], **{**environment, "SYSTEM_TEAMPROJECTID": "denied"})

    assert said.returncode == 2
    assert "Azure DevOps answered 403" in said.stderr
    assert "'Contribute to pull requests'" in said.stderr
    assert "token" not in said.stdout + said.stderr


def test_the_token_goes_nowhere_without_tls(
    reports: list[Path], azure: tuple[type[AzureDevOps], dict[str, str]]
) -> None:
    server, environment = azure

    said = publish("comment", reports[0], **{**environment, "SYSTEM_COLLECTIONURI": "http://a/"})

    assert "is not https" in said.stderr
    assert server.seen == []


def test_without_a_pull_request_there_is_nothing_to_comment_on(reports: list[Path]) -> None:
    assert "there is no pull request" in publish("comment", *reports).stderr
