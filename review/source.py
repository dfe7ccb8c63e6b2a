"""Where a preview comes from: a file, the local cloud, or `pulumi` in the user's environment."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import pulumi_cli
from common.names import PROJECT
from common.refusal import Refusal, shown
from policy.pack import Pack, require_python
from review import steps
from review.steps import Preview
from review.text import without_keys

# Of what may not be deleted, and of what may not be replaced, as of version 3.259.
_PROTECTED = r"is protected|cannot be deleted|marked for protection"


def from_file(name: str) -> Preview:
    """The preview in a file, `-` being standard input.

    Raises:
        Refusal: if it cannot be read or holds something else.
    """
    title = "standard input" if name == "-" else shown(name)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Refusal(f"{title} cannot be read: {error.strerror}; {steps.MAKE_ONE}") from None
    try:
        return steps.parsed(data.decode(), title)
    except UnicodeDecodeError:
        raise Refusal(f"{title} is no text, so it is no preview; {steps.MAKE_ONE}") from None


def from_pulumi(stack: str, pack: Pack | None, timeout_seconds: int) -> Preview:
    """What `pulumi preview` says of a stack, in the user's own environment.

    Raises:
        Refusal: if Pulumi is not there, or cannot do it, or does not come to an end.
    """
    pulumi_cli.require("use --local for the stand-in on this machine")
    require_python(PROJECT / ".venv")
    if pack:
        pack.require()
    print(f"Previewing stack {stack} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        log = Path(folder) / "events"
        command = ["preview", "--json", "--show-sames", "--event-log", str(log)]
        command += pack.arguments() if pack else []
        answer = pulumi_cli.ask(stack, command, timeout_seconds)
        events = _events(log)
    return understood(stack, answer.output, events, failed=answer.code != 0, said=answer.said)


def understood(
    stack: str, output: str, events: list[Mapping[str, Any]], *, failed: bool, said: str = ""
) -> Preview:
    """What the engine left behind, whether it came through or was stopped.

    Raises:
        Refusal: if it failed for another reason than a policy or a protected resource.
    """
    title = f"the preview of stack {shown(stack)}"
    policies = steps.policy_findings(events)
    errors = steps.errors(events)
    protected = [text for text in errors if re.search(_PROTECTED, text)]
    violated = any(finding.level == "mandatory" for finding in policies or ())
    if failed and not protected and not violated:
        raise Refusal(_reason(stack, errors, said))
    refused = re.sub(r"^[Pp]review failed: |\.$", "", (protected or [""])[0].partition("\n")[0])
    try:
        # After a violation, too, the engine prints the whole plan.
        document = json.loads(output)
    except ValueError:
        if failed:
            return steps.from_events(events, title, refused)
        raise Refusal(f"{title} holds no JSON; `pulumi preview --json` says more") from None
    return steps.from_document(document, title, policies, refused)


def _events(log: Path) -> list[Mapping[str, Any]]:
    if not log.exists():
        return []
    lines = log.read_text(errors="replace", encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _reason(stack: str, errors: list[str], said: str) -> str:
    # The Automation API puts a word before what went to standard error.
    lines = [line.strip().removeprefix("stderr: ") for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error:")]
    useful = [text for text in errors if not re.match(r"(update|preview) failed", text)]
    found = (useful or told or lines or ["it gave no reason"])[0]
    reason = without_keys(" ".join(found.removeprefix("error:").split())).strip()
    todo = pulumi_cli.next_step(stack, "\n".join([*errors, said]), reason)
    if todo and re.search(r"pulumi (login|stack ls)", todo):
        todo += "; --local reviews it against the stand-in on this machine"
    return todo or f"stack {shown(stack)} cannot be previewed: {reason}"
