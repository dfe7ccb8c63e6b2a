"""Prod is deployed on GitHub only where the environment asks somebody, or the job refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from common.names import PROJECT
from tests.pipelines.pipelines import github_jobs

REFUSED = 2
BRANCHES = {"protected_branches": False, "custom_branch_policies": True}
REVIEWERS = {"id": 1, "type": "required_reviewers", "reviewers": [{"type": "User"}]}
TIMER = {"id": 2, "type": "wait_timer", "wait_timer": 30}

Said = subprocess.CompletedProcess[str]
Ask = Callable[..., Said]


class GitHub(HTTPServer):
    """Answers as the REST API does, in the shape that its description gives."""

    answer: tuple[int, str] = (200, "{}")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, GitHub)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def approval(**environment: str) -> Said:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "GH_"))}
    return subprocess.run(
        ["make", "approval"],  # noqa: S607  the user's own make
        cwd=PROJECT,
        env={**clean, "ENVIRONMENT": "prod", "no_proxy": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def answered(github: GitHub, status: int, body: object) -> Said:
    github.answer = (status, body if isinstance(body, str) else json.dumps(body))
    return approval(
        GITHUB_API_URL=f"http://127.0.0.1:{github.server_port}",
        GITHUB_REPOSITORY="o/r",
        GH_TOKEN="a-token",  # noqa: S106  nobody's
    )


def test_with_reviewers_and_a_branch_it_goes_on(github: GitHub) -> None:
    rules = [TIMER, REVIEWERS, {"id": 3, "type": "branch_policy"}]
    said = answered(github, 200, {"protection_rules": rules, "deployment_branch_policy": BRANCHES})

    assert said.returncode == 0, said.stderr
    assert github.asked == [("/repos/o/r/environments/prod", "Bearer a-token")]


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, {"name": "prod"}, "has no required reviewers, so nobody was asked; add some in"),
        (200, {"protection_rules": [TIMER]}, "(in a private repository only GitHub Enterprise"),
        (200, {"protection_rules": [{**REVIEWERS, "reviewers": []}]}, "no required reviewers"),
        (200, {"protection_rules": [REVIEWERS]}, "may be deployed from any branch; limit its"),
        (403, {"message": "Resource not accessible by integration"}, "give the job `actions: read"),
        (404, {"message": "Not Found"}, "GitHub answers 404; make the environment, see docs/"),
        (500, "", "GitHub answers 500; run the job again"),
        (200, "<html>", "of o/r asks anybody is not known: "),
    ],
    ids=[
        "made by the workflow itself",
        "only a timer",
        "nobody among the reviewers",
        "any branch",
        "no right to look",
        "no environment",
        "out of order",
        "not GitHub",
    ],
)
def test_otherwise_it_refuses_in_one_sentence(
    github: GitHub, status: int, body: object, sentence: str
) -> None:
    said = answered(github, status, body)

    first, *rest = said.stderr.splitlines()
    assert said.returncode == REFUSED
    assert first.startswith("error: ")
    assert sentence in first
    assert all(re.match(r"make(\[\d+\])?: \*\*\*", line) for line in rest)


def test_where_github_cannot_be_reached_it_refuses(github: GitHub) -> None:
    github.server_close()

    assert "asks anybody is not known" in answered(github, 200, {}).stderr


def test_outside_of_a_workflow_it_says_what_is_missing() -> None:
    assert "error: GITHUB_API_URL is not set; this is for a workflow" in approval().stderr


def test_the_job_that_deploys_prod_asks_before_anything_else() -> None:
    (job,) = [job for job in github_jobs() if ("make deploy", "prod") in job.calls]
    checkout, asks, *_ = job.definition["steps"]
    assert "actions/checkout@" in checkout["uses"]
    assert asks == {
        "run": "make approval",
        "env": {"ENVIRONMENT": job.environment, "GH_TOKEN": "${{ github.token }}"},
    }
