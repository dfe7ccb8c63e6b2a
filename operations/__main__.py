"""Deploy a stack, look for drift, or take it down: `pulumi`, with what must not be forgotten.

Owns the options that belong to it (the policy pack, no questions asked), the stacks it is refused
for, and one sentence on what is missing. Where to log in and as whom is the caller's environment.

Exit code 0: done, or no drift; 1: there is drift; 2: it could not be done, for the reason given.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stack_file
from clients.contract import Refusal
from console import use_utf8
from operations import names
from review.source import Pack, next_step, require_python

PROJECT = Path(__file__).resolve().parent.parent

DONE, DRIFT, REFUSED, INTERRUPTED = 0, 1, 2, 130
CHANGES_WERE_FOUND = 7
"""Of `pulumi ... --expect-no-changes`, as of version 3.259."""

_ON_THIS_MACHINE = {"deploy": "make up", "drift": "make refresh", "destroy": "make down"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m operations",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("operation", choices=_ON_THIS_MACHINE)
    parser.add_argument("--stack", required=True, metavar="S", help="as in Pulumi.<S>.yaml")
    parser.add_argument(
        "--leave-names", action="store_true", help="destroy while names of your own lead there"
    )
    use_utf8()
    given = parser.parse_args(arguments)
    try:
        environment = _require(given.operation, given.stack)
        if given.operation == "deploy":
            deploy(given.stack, environment)
        elif given.operation == "destroy":
            destroy(given.stack, environment, leave_names=given.leave_names)
        else:
            return drift(given.stack)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    return DONE


def deploy(stack: str, environment: str) -> None:
    """`pulumi up`, stopped by the policy pack where that forbids something."""
    require_python(PROJECT / ".venv")
    if shutil.which("pulumi-language-python") is None:
        raise Refusal(
            "pulumi-language-python is not on PATH: the Pulumi CLI that `make` builds is enough "
            "for this machine only; a deployment needs the whole distribution, "
            "https://www.pulumi.com/docs/iac/download-install/"
        )
    config = f"policy/config/{environment}.json"
    Pack(PROJECT / "policy", PROJECT / config).require()
    _pulumi(stack, ["up", "--yes", "--policy-pack", "policy", "--policy-pack-config", config])


def destroy(stack: str, environment: str, *, leave_names: bool = False) -> None:
    """Remove what the stack holds, once no name of the user's own leads to it.

    Its resource group stays: the right to deploy into it is bound to it, and would go with it.
    """
    own = stack_file.read(PROJECT, stack).config.get("mtls-model-endpoint:serverNames") or []
    if environment == "prod":
        records = f", after the DNS records of {', '.join(own)} are gone" if own else ""
        raise Refusal(
            f"stack {stack} is of the environment prod, and no pipeline takes that down; somebody "
            f"who means it types `pulumi destroy --stack {stack}` after `pulumi state unprotect`"
            f"{records}"
        )
    found = names.of(_resources(stack), own)
    if found and found.own:
        print(
            f"Remove the CNAME records of {', '.join(found.own)} first: once {found.group} is "
            "free, they lead to whoever takes it.",
            flush=True,
        )
        if (leading := found.leading()) and not leave_names:
            raise Refusal(
                f"{', '.join(leading)} still leads to {found.group}, which somebody else may take "
                "after this; remove the DNS record, and when its TTL has passed type `make destroy "
                f"S={stack}` again (ARGS=--leave-names destroys all the same)"
            )
    _pulumi(stack, ["destroy", "--yes", "--exclude", "**ResourceGroup::resource-group"])


def drift(stack: str) -> int:
    """Say what is different from what was deployed; a certificate that is due is not.

    A refresh writes down that a certificate is due for renewal, so to the engine it is a change.
    """
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        log = Path(folder) / "events"
        options = ["--preview-only", "--expect-no-changes", "--event-log", str(log)]
        code = _pulumi(stack, ["refresh", *options], {DONE, CHANGES_WERE_FOUND})
        changes = drifted(log.read_text(encoding="utf-8").splitlines()) if code else []
    due = [name for name, type_, _ in changes if type_.startswith("tls:")]
    others = [
        (name, op) for name, type_, op in changes if op != "move" and not type_.startswith("tls:")
    ]
    for name in (name for name, _, op in changes if op == "move"):
        print(f"Azure gave {name} another IP address; clients go by its name, so it is no drift.")
    if due:
        print(f"Due for renewal, at the next deployment: {', '.join(due)}.")
    if code and not changes:
        raise Refusal(f"stack {stack} has drifted, and `pulumi refresh --preview-only` says where")
    if not others:
        print(f"No drift: everything is as stack {stack} was deployed.")
        return DONE
    words = {"delete": "is gone", "update": "was changed"}
    for name, op in others:
        print(f"Drift: {name} {words.get(op, op)}.")
    print(f"`make deploy S={stack}` puts it back; `pulumi refresh` accepts it first.")
    return DRIFT


def drifted(lines: Sequence[str]) -> list[tuple[str, str, str]]:
    """Name, type and operation (update, delete, move) of all that a refresh would change."""
    found = []
    for line in lines:
        event: dict[str, Any] = json.loads(line).get("resOutputsEvent", {}).get("metadata", {})
        if event.get("op") in ("update", "delete"):
            # Azure moves a group to another address by itself; nobody calls it by that.
            moved = list(event.get("detailedDiff") or ()) == ["ipAddress.ip"]
            op = "move" if moved else event["op"]
            found.append((event["urn"].split("::", 3)[3], event["type"], op))
    return found


def _require(operation: str, stack: str) -> str:
    """Returns the stack's environment; raises Refusal if this is not for the stack."""
    if stack == "local":
        raise Refusal(
            f"stack local is of this machine: type `{_ON_THIS_MACHINE[operation]}` for it, or "
            f"`make {operation} S=dev` for one in Azure"
        )
    try:
        return stack_file.environment(PROJECT, stack)
    except stack_file.StackFileError as error:
        raise Refusal(str(error)) from None


def _resources(stack: str) -> list[dict[str, Any]]:
    """What the stack's state holds, with what is secret in it encrypted."""
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        reason = reason.removeprefix("error: ")
        raise Refusal(
            next_step(stack, done.stderr, reason)
            or f"the state of stack {stack} cannot be read: {reason}"
        )
    resources: list[dict[str, Any]] = json.loads(done.stdout)["deployment"].get("resources") or []
    return resources


def _pulumi(
    stack: str, arguments: list[str], fine: frozenset[int] | set[int] = frozenset({0})
) -> int:
    """Run it, with what it says shown as it comes; raises Refusal if it does not come through."""
    print(f"{arguments[0]} of stack {stack} ...", file=sys.stderr, flush=True)
    command = ["pulumi", *arguments, "--stack", stack, "--non-interactive"]
    said = []
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",  # a byte that is none must not end a deployment half way
        # Without the second there is no --event-log.
        env={
            **os.environ,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
        },
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
    if process.returncode in fine:
        return process.returncode
    errors = [line.strip() for line in said if "error:" in line] or ["it gave no reason"]
    reason = errors[-1].removeprefix("error: ")
    todo = next_step(stack, "\n".join(errors), reason)
    raise Refusal(todo or f"`pulumi {arguments[0]}` of stack {stack} failed; it says why above")


if __name__ == "__main__":
    sys.exit(main())
