"""publish.py summary|comment FILE...: shows reports where people look, on GitHub and Azure DevOps.

`summary` adds them to the page of the run; `comment` writes one comment to the pull request, over
the one that an earlier run wrote there. Standard library only, and nothing of the pull request is
run: this may be called where a token can write. Outside of a pipeline it prints the text.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

LONGEST = 65_000
"""GitHub takes 65536 characters, Azure DevOps 150000."""

MARKER = "<!-- written by the pipeline -->"


class Problem(Exception):  # noqa: N818  reads as what it is
    """Something that cannot be done, in one sentence."""


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) < 2 or arguments[0] not in ("summary", "comment"):
            raise Problem("FILES: name the Markdown files, as in FILES='review-dev.md'")
        text = joined([Path(name) for name in arguments[1:]])
        (summary if arguments[0] == "summary" else comment)(text)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


def joined(files: list[Path]) -> str:
    """Those that are there: a review that could not be made has said why in its own log."""
    texts = [file.read_text() for file in files if file.is_file()]
    if not texts:
        names = ", ".join(map(str, files))
        raise Problem(f"FILES: none of {names} is there; the step before says why")
    text = "\n\n".join(texts)
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n\n… and more, in the run.\n"


def summary(text: str) -> None:
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(page, "a") as file:
            file.write(text)
    elif folder := os.environ.get("AGENT_TEMPDIRECTORY"):
        file_ = Path(tempfile.mkdtemp(dir=folder)) / "review.md"
        file_.write_text(text)
        print(f"##vso[task.uploadsummary]{file_}")
    else:
        print(text, end="")


def comment(text: str) -> None:
    if number := os.environ.get("PULL_REQUEST"):
        _comment_on_github(number, text)
    elif number := os.environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID"):
        _comment_on_azure(number, f"{MARKER}\n{text}")
    else:
        raise Problem("there is no pull request: PULL_REQUEST has its number, GH_TOKEN a token")


def _comment_on_github(number: str, text: str) -> None:
    if not number.isdigit():
        raise Problem(f"PULL_REQUEST: {number!r} is no number")
    command = ["gh", "pr", "comment", number, "--edit-last", "--create-if-none", "--body-file", "-"]
    try:
        code = subprocess.run(command, input=text, text=True, check=False).returncode
    except FileNotFoundError:
        raise Problem("gh is not on PATH: https://cli.github.com") from None
    if code:
        raise Problem("gh could not write the comment, and says why above")


def _comment_on_azure(number: str, text: str) -> None:
    """https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads"""
    names = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECTID", "BUILD_REPOSITORY_ID")
    collection, project, repository = (_given(name) for name in names)
    threads = (
        f"{collection.rstrip('/')}/{project}/_apis/git/repositories/{repository}"
        f"/pullRequests/{number}/threads"
    )
    for thread in _call("GET", threads)["value"]:
        for written in thread.get("comments", []):
            if str(written.get("content", "")).startswith(MARKER):
                _call("PATCH", f"{threads}/{thread['id']}/comments/{written['id']}", content=text)
                return
    _call("POST", threads, comments=[{"content": text, "commentType": "text"}], status="closed")


def _call(method: str, url: str, **body: Any) -> Any:
    if not url.startswith("https://") and "://127.0.0.1:" not in url:
        raise Problem("SYSTEM_COLLECTIONURI is not https, and the token goes nowhere else")
    request = urllib.request.Request(  # noqa: S310  the scheme is checked above
        f"{url}?api-version=7.1",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": f"Bearer {_given('SYSTEM_ACCESSTOKEN')}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  likewise
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        hint = (
            "; the build service needs the right 'Contribute to pull requests' on the repository"
            if error.code in (401, 403)
            else ""
        )
        raise Problem(f"Azure DevOps answered {error.code} {error.reason}{hint}") from None
    except urllib.error.URLError as error:
        raise Problem(f"Azure DevOps cannot be reached: {error.reason}") from None


def _given(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise Problem(f"{name} is not set; the step has to hand it over in `env`")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
