"""approval.py ENVIRONMENT: refuses an environment of GitHub that deploys without asking anybody.

A workflow that names an environment makes it where there is none, unprotected, and on some plans
private repositories have no required reviewers to set. Either would deploy at once, without a
word. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

GUIDE = "docs/pipelines.md#set-up-github"


class Refusal(Exception):  # noqa: N818  reads as what it is
    """Why nothing may be deployed, in one sentence."""


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) != 1 or not arguments[0]:
            raise Refusal("ENVIRONMENT: name the environment, as in ENVIRONMENT=prod")
        require_approval(arguments[0])
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    print(f"Environment {arguments[0]} asks its reviewers, and is for chosen branches only.")
    return 0


def require_approval(environment: str) -> None:
    """Raises Refusal unless somebody had to approve, and a branch was chosen."""
    found = _environment(environment)
    where = f"Settings, Environments, {environment}"
    rules = found.get("protection_rules") or []
    if not any(rule.get("type") == "required_reviewers" and rule["reviewers"] for rule in rules):
        raise Refusal(
            f"environment {environment} has no required reviewers, so nobody was asked; add some "
            f"in {where} (in a private repository only GitHub Enterprise has them), see {GUIDE}"
        )
    if not found.get("deployment_branch_policy"):
        raise Refusal(
            f"environment {environment} may be deployed from any branch; limit its deployment "
            f"branches to main in {where}, see {GUIDE}"
        )


def _environment(name: str) -> dict[str, Any]:
    try:
        server, repository, token = (
            os.environ[variable] for variable in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GH_TOKEN")
        )
    except KeyError as missing:
        raise Refusal(
            f"{missing.args[0]} is not set; this is for a workflow on GitHub, whose job hands over "
            "GH_TOKEN"
        ) from None
    url = f"{server}/repos/{repository}/environments/{urllib.parse.quote(name, safe='')}"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    unknown = f"whether environment {name} of {repository} asks anybody is not known"
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  GitHub's own address
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        remedy = {
            403: "give the job `actions: read`",
            404: f"make the environment, see {GUIDE}, and give the job `actions: read`",
        }.get(error.code, "run the job again")
        raise Refusal(f"{unknown}: GitHub answers {error.code}; {remedy}") from None
    except (OSError, ValueError) as error:
        raise Refusal(f"{unknown}: {error}; run the job again") from None
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
