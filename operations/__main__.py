"""Deploy a stack, look for drift, or take it down: `pulumi`, with what must not be forgotten.

Owns the options that belong to it (the policy pack, no questions asked), the stacks it is refused
for, and one sentence on what is missing. Where to log in and as whom is the caller's environment.

Exit code 0: done, or no drift; 1: there is drift; 2: it could not be done, for the reason given.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import pulumi_cli, stack_file
from common.command import DONE, FINDINGS, finished
from common.names import PROJECT, PROJECT_NAME
from common.refusal import Refusal
from operations import names
from policy.pack import Pack, require_python

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

    def run() -> int:
        given = parser.parse_args(arguments)
        environment = _require(given.operation, given.stack)
        if given.operation == "drift":
            return drift(given.stack)
        if given.operation == "deploy":
            deploy(given.stack, environment)
        else:
            destroy(given.stack, environment, leave_names=given.leave_names)
        return DONE

    return finished(run)


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
    pulumi_cli.show(
        stack, ["up", "--yes", "--policy-pack", "policy", "--policy-pack-config", config]
    )


def destroy(stack: str, environment: str, *, leave_names: bool = False) -> None:
    """Remove what the stack holds, once no name of the user's own leads to it.

    Its resource group stays: the right to deploy into it is bound to it, and would go with it.
    """
    own = stack_file.read(PROJECT, stack).config.get(f"{PROJECT_NAME}:serverNames") or []
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
    pulumi_cli.show(stack, ["destroy", "--yes", "--exclude", "**ResourceGroup::resource-group"])


def drift(stack: str) -> int:
    """Say what is different from what was deployed; a certificate that is due is not.

    A refresh writes down that a certificate is due for renewal, so to the engine it is a change.
    """
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        log = Path(folder) / "events"
        options = ["--preview-only", "--expect-no-changes", "--event-log", str(log)]
        code = pulumi_cli.show(stack, ["refresh", *options], {DONE, CHANGES_WERE_FOUND})
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
    return FINDINGS


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
    return stack_file.environment(PROJECT, stack)


def _resources(stack: str) -> list[dict[str, Any]]:
    """What the stack's state holds, with what is secret in it encrypted."""
    answer = pulumi_cli.ask(stack, ["stack", "export"])
    if answer.code:
        raise Refusal(
            pulumi_cli.next_step(stack, answer.said, answer.reason)
            or f"the state of stack {stack} cannot be read: {answer.reason}"
        )
    resources: list[dict[str, Any]] = json.loads(answer.output)["deployment"].get("resources") or []
    return resources


if __name__ == "__main__":
    sys.exit(main())
