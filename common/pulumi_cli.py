"""Runs the Pulumi CLI in the user's own environment, and says what to do about what it says.

Owns how the CLI is started and how its errors read. Which stack, which options and what becomes of
the answer is the caller's.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from common.names import PROJECT
from common.refusal import Refusal, shown

# What `pulumi` says, and what to do about it. Its words, as of version 3.259.
_NEXT_STEPS = (
    (
        r"AADSTS700213",
        "Microsoft Entra ID knows no federated credential for this workflow: {reason}; the subject "
        "has to be the one that GitHub sends, docs/pipelines.md#set-up-azure reads it",
    ),
    (
        r"the stack is currently locked",
        "the state of stack {stack} is locked; if no other run is under way (one that was killed "
        "leaves its lock), type `pulumi cancel --stack {stack}`",
    ),
    (
        r"(?i)toomanyrequests",
        "a hub lets nobody without an account pull so often from this address: {reason}; type "
        "`docker login` where images are built, or wait",
    ),
    (
        r"InaccessibleImage",
        "the group may not pull its image yet: a role takes some minutes, so try again; if that "
        "goes on, set registrySku to Premium for stack {stack}, the only one of which Microsoft "
        "documents the pull by identity: {reason}",
    ),
    (
        r"PULUMI_ACCESS_TOKEN must be set|not logged in",
        "Pulumi is not logged in; type `pulumi login <your backend>`",
    ),
    (
        r"no stack named|stack '.*' not found|no previous deployment",
        "there is no stack {stack} where Pulumi is logged in; `pulumi stack ls` lists those that "
        "are there",
    ),
    (
        r"passphrase",
        "the secrets of stack {stack} cannot be read; set PULUMI_CONFIG_PASSPHRASE or "
        "PULUMI_CONFIG_PASSPHRASE_FILE to the right passphrase and try again",
    ),
    (
        r"AuthorizationFailed|does not have authorization|[Pp]ermission denied|"
        # As status codes: digests and ids have these digits in them, too.
        r"(?i:(?:status|code|response|http)[=: ]+40[13]\b|\b40[13] (?:forbidden|unauthorized)\b)|"
        r"az login|no valid credentials",
        "the rights for stack {stack} are missing: {reason}; `az login` or the workflow's identity "
        "needs to read the resource group, and the backend has to let it read the state",
    ),
)

_ENVIRONMENT = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    # Without it there is no --event-log; the Automation API sets it for the same reason.
    "PULUMI_DEBUG_COMMANDS": "true",
}


@dataclass(frozen=True)
class Answer:
    """What a run of the CLI left behind."""

    output: str
    said: str
    """On standard error."""
    code: int

    @property
    def reason(self) -> str:
        """Its last error, else its last line."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if line.startswith("error:")), "")
        return last.removeprefix("error:").strip() or (lines[-1] if lines else "it said nothing")


def require(otherwise: str) -> None:
    """Makes sure that the CLI is there.

    Args:
        otherwise: what to do without it.

    Raises:
        Refusal: if it is not on PATH.
    """
    if shutil.which("pulumi") is None:
        raise Refusal(
            "pulumi is not on PATH; install it (https://www.pulumi.com/docs/iac/download-install/) "
            f"or {otherwise}"
        )


def ask(stack: str, arguments: Iterable[str], timeout_seconds: float | None = None) -> Answer:
    """Runs the CLI on a stack, and keeps all that it prints.

    Raises:
        Refusal: if it does not end in time; it is killed with all that it started.
    """
    words = list(arguments)
    process = _started(stack, words, stderr=subprocess.PIPE)
    try:
        output, said = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise Refusal(
            f"`pulumi {words[0]}` did not end within {timeout_seconds} seconds and was stopped; "
            "--timeout allows more"
        ) from None
    finally:
        _end(process)
    return Answer(output, said, process.returncode)


def show(stack: str, arguments: Iterable[str], fine: Collection[int] = (0,)) -> int:
    """Runs the CLI on a stack, prints what it says as it comes, and returns its exit code.

    Raises:
        Refusal: if it ends with a code that is not among `fine`.
    """
    words = list(arguments)
    print(f"{words[0]} of stack {stack} ...", file=sys.stderr, flush=True)
    said = []
    with _started(stack, words, stderr=subprocess.STDOUT, own_group=False) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
    if process.returncode in fine:
        return process.returncode
    errors = [line.strip() for line in said if "error:" in line] or ["it gave no reason"]
    todo = next_step(stack, "\n".join(errors), errors[-1].removeprefix("error: "))
    raise Refusal(todo or f"`pulumi {words[0]}` of stack {stack} failed; it says why above")


def next_step(
    stack: str, said: str, reason: str, also: Iterable[tuple[str, str]] = ()
) -> str | None:
    """What to do about something that the CLI said, where that is known.

    Args:
        stack: its name.
        said: all that it said.
        reason: of that, why it failed.
        also: more patterns and what to do about them; they come first.
    """
    for pattern, words in (*also, *_NEXT_STEPS):
        if re.search(pattern, said):
            return words.format(stack=shown(stack), reason=reason)
    return None


def _started(
    stack: str, words: list[str], *, stderr: int, own_group: bool = True
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["pulumi", *words, "--stack", stack, "--non-interactive"],  # noqa: S607  the user's own
        cwd=PROJECT,
        # Standard input may hold a bundle's password, which is not for Pulumi.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",  # a byte that is none must not end a deployment half way
        # Language hosts and plugins have to end with it.
        start_new_session=own_group,
        env={**os.environ, **_ENVIRONMENT},
    )


def _end(process: subprocess.Popen[str]) -> None:
    """Not politely: a preview that hangs takes the polite signal for a request to go on."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
