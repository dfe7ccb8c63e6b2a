"""publish.py summary|comment FILE...: shows reports where people look.

`summary` adds them to the page of the run, on GitHub and Azure DevOps; `comment` writes one comment
to the pull request on GitHub, over the one that an earlier run wrote there. Standard library only,
and nothing of the pull request is run: this may be called where a token can write. Outside of a
pipeline `summary` prints the text.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST = 65_000
"""GitHub takes 65536 characters."""
MARKER, BOT = "<!-- mtls-model-endpoint: review -->", "github-actions[bot]"
"""What our comment begins with, and who has written it: others may write the same words."""


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
    """One after the other. Of what could not be made no older report must stay, so it is said."""
    missing = f"could not be made**; {_run()} says why.\n"
    text = "\n\n".join(
        file.read_text(encoding="utf-8") if file.is_file() else f"**`{file.name}` {missing}"
        for file in files
    )
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n\n… and more, in the run.\n"


def _run() -> str:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"[its run]({server}/{repository}/actions/runs/{run})" if run else "its step's log"


def summary(text: str) -> None:
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(page, "a", encoding="utf-8") as file:
            file.write(text)
    elif folder := os.environ.get("AGENT_TEMPDIRECTORY"):
        file_ = Path(tempfile.mkdtemp(dir=folder)) / "review.md"
        file_.write_text(text, encoding="utf-8")
        print(f"##vso[task.uploadsummary]{file_}")
    else:
        print(text, end="")


def comment(text: str) -> None:
    if number := os.environ.get("PULL_REQUEST"):
        _comment_on_github(number, text)
    else:
        raise Problem("there is no pull request: PULL_REQUEST has its number, GH_TOKEN a token")


def _comment_on_github(number: str, text: str) -> None:
    if not number.isdigit():
        raise Problem(f"PULL_REQUEST: {number!r} is no number")
    ours = f'select(.user.login == "{BOT}" and (.body | startswith("{MARKER}"))) | .id'
    issues = "repos/{owner}/{repo}/issues"  # gh knows which
    found = _gh(f"{issues}/{number}/comments", "--paginate", "--jq", f".[] | {ours}").split()
    target = ["--method", "PATCH", f"{issues}/comments/{found[0]}"] if found else []
    target = target or ["--method", "POST", f"{issues}/{number}/comments"]
    commit = os.environ.get("COMMIT")
    of = f"Of commit {commit}.\n\n" if commit else ""
    _gh(*target, "--silent", "--field", "body=@-", given=f"{MARKER}\n{of}{text}")


def _gh(*arguments: str, given: str | None = None) -> str:
    command = ["gh", "api", *arguments]
    try:
        done = subprocess.run(
            command, input=given, encoding="utf-8", check=False, stdout=subprocess.PIPE
        )
    except FileNotFoundError:
        raise Problem("gh is not on PATH: https://cli.github.com") from None
    if done.returncode:
        raise Problem("gh could not read or write the comments, and says why above")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
