"""Where a preview comes from: a file, the local cloud, or `pulumi` in the user's environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clients.contract import Refusal, shown
from review import steps
from review.steps import Preview
from review.text import without_keys

PROJECT = Path(__file__).resolve().parent.parent

# Of what may not be deleted, and of what may not be replaced, as of version 3.259.
_PROTECTED = r"is protected|cannot be deleted|marked for protection"
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


@dataclass(frozen=True)
class Pack:
    """A policy pack and the file that configures it."""

    folder: Path
    config: Path | None

    def arguments(self) -> list[str]:
        config = ["--policy-pack-config", str(self.config)] if self.config else []
        return ["--policy-pack", str(self.folder), *config]

    def require(self) -> None:
        """Make sure that the pack can start: the engine waits for ever for one that cannot.

        Raises:
            Refusal: if there is no pack, or no interpreter for it.
        """
        description = self.folder / "PulumiPolicy.yaml"
        if not description.exists():
            raise Refusal(
                f"--policy-pack {self.folder} is no policy pack: it has no PulumiPolicy.yaml"
            )
        if self.config:
            self._require_config(self.config)
        described = yaml.safe_load(description.read_text(encoding="utf-8")) or {}
        runtime = described.get("runtime") if isinstance(described, Mapping) else None
        options = runtime.get("options") if isinstance(runtime, Mapping) else None
        environment = options.get("virtualenv") if isinstance(options, Mapping) else None
        if environment:
            require_python(self.folder / environment)

    def _require_config(self, file: Path) -> None:
        if not file.exists():
            raise Refusal(f"--policy-pack-config {file} is not there")
        try:
            config = json.loads(file.read_bytes())
        except (OSError, ValueError):
            config = None
        if not isinstance(config, dict):
            raise Refusal(f"--policy-pack-config {file} holds no JSON object of rules")
        if self.folder == PROJECT / "policy":
            # Slow to import, and another pack has other rules.
            from policy.guardrails.configured import mistakes  # noqa: PLC0415

            for mistake in mistakes(config):
                raise Refusal(f"--policy-pack-config {file}: {mistake}")


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
    if shutil.which("pulumi") is None:
        raise Refusal(
            "pulumi is not on PATH; install it (https://www.pulumi.com/docs/iac/download-install/) "
            "or use --local for the stand-in on this machine"
        )
    require_python(PROJECT / ".venv")
    if pack:
        pack.require()
    print(f"Previewing stack {stack} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="review-") as folder:
        log = Path(folder) / "events"
        command = ["pulumi", "preview", "--json", "--show-sames", "--non-interactive"]
        command += ["--stack", stack, "--event-log", str(log)]
        command += pack.arguments() if pack else []
        output, said, code = _run(command, timeout_seconds)
        events = _events(log)
    return understood(stack, output, events, failed=code != 0, said=said)


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


def require_python(environment: Path) -> None:
    """Make sure that a virtual environment is there; without it the preview would hang."""
    if not any((environment / at).exists() for at in ("bin/python", "Scripts/python.exe")):
        raise Refusal(
            f"there is no virtual environment in {environment}, and a preview without it never "
            "ends; type `make setup`"
        )


def _run(command: list[str], timeout_seconds: int) -> tuple[str, str, int]:
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # A group of its own: language hosts and plugins have to end with it.
        start_new_session=True,
        env={
            **os.environ,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Without it there is no --event-log; the Automation API sets it for the same reason.
            "PULUMI_DEBUG_COMMANDS": "true",
        },
    )
    try:
        output, said = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise Refusal(
            f"`pulumi preview` did not end within {timeout_seconds} seconds and was stopped; "
            "--timeout allows more"
        ) from None
    finally:
        _end(process)
    return output, said, process.returncode


def _end(process: subprocess.Popen[str]) -> None:
    """Not politely: a preview that hangs takes the polite signal for a request to go on."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


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
    todo = next_step(stack, "\n".join([*errors, said]), reason)
    if todo and re.search(r"pulumi (login|stack ls)", todo):
        todo += "; --local reviews it against the stand-in on this machine"
    return todo or f"stack {shown(stack)} cannot be previewed: {reason}"


def next_step(stack: str, said: str, reason: str) -> str | None:
    """What to do about something that `pulumi` said, where that is known."""
    for pattern, words in _NEXT_STEPS:
        if re.search(pattern, said):
            return words.format(stack=shown(stack), reason=reason)
    return None
