"""Reads all outputs of a stack, from Pulumi or from a file that Pulumi wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from clients.contract import Refusal, shown

PROJECT = Path(__file__).resolve().parent.parent

# What `pulumi` says, and what to do about it. Its words, as of version 3.259.
_NEXT_STEPS = (
    (
        r"PULUMI_ACCESS_TOKEN must be set|not logged in",
        "Pulumi is not logged in; type `pulumi login <your backend>` and try again (for a stack on "
        "this machine `make up`, and then `make bundle` or `make certificates`)",
    ),
    (
        r"no stack named",
        "there is no stack {stack} where Pulumi is logged in; `pulumi stack ls` lists those that "
        "are there (for a stack on this machine `make up`, and then `make bundle` or "
        "`make certificates`)",
    ),
    (
        r"passphrase",
        "the secrets of stack {stack} cannot be read; set PULUMI_CONFIG_PASSPHRASE or "
        "PULUMI_CONFIG_PASSPHRASE_FILE to the right passphrase and try again",
    ),
)


def from_stack(stack: str, *, show_secrets: bool) -> dict[str, Any]:
    """What `pulumi stack output` says, in the user's own environment.

    Raises:
        Refusal: if Pulumi is not there or cannot do it; says what to do next.
    """
    if shutil.which("pulumi") is None:
        raise Refusal(
            "pulumi is not on PATH; install it (https://www.pulumi.com/docs/iac/download-install/)"
            " or name a file made by `pulumi stack output --json --show-secrets` with --outputs"
        )
    command = ["pulumi", "stack", "output", "--json", "--non-interactive", "--stack", stack]
    print(f"Reading the outputs of stack {stack} ...", file=sys.stderr, flush=True)
    result = subprocess.run(
        [*command, "--show-secrets"] if show_secrets else command,
        cwd=PROJECT,
        # Standard input may hold the bundle's password, which is not for Pulumi.
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if result.returncode != 0:
        raise Refusal(_reason(stack, result.stderr))
    outputs = _parsed(result.stdout, f"pulumi's answer for stack {shown(stack)}")
    if not outputs:
        raise Refusal(
            f"stack {shown(stack)} has no outputs; first type `pulumi up --stack {stack}`, or "
            "`make up` for a stack on this machine"
        )
    return outputs


def from_file(name: str) -> dict[str, Any]:
    """The outputs in a file, `-` being standard input.

    Raises:
        Refusal: if it cannot be read or holds something else.
    """
    title = "standard input" if name == "-" else shown(name)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return _parsed(data.decode(), title)
    except OSError as error:
        raise Refusal(f"{title} cannot be read: {error.strerror}; {_MAKE_ONE}") from None
    except UnicodeDecodeError:
        raise Refusal(f"{title} holds no outputs of a stack; {_MAKE_ONE}") from None


_MAKE_ONE = "make the file with `pulumi stack output --json --show-secrets`"


def _parsed(text: str, title: str) -> dict[str, Any]:
    try:
        outputs = json.loads(text)
    except ValueError:
        outputs = None
    if not isinstance(outputs, dict):
        # Without the parser's words: they could quote a key.
        raise Refusal(f"{title} holds no outputs of a stack; {_MAKE_ONE}")
    return outputs


def _reason(stack: str, said: str) -> str:
    for pattern, words in _NEXT_STEPS:
        if re.search(pattern, said):
            return words.format(stack=shown(stack))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("error:")), "")
    reason = last.removeprefix("error:").strip() or (lines[-1] if lines else "it said nothing")
    return (
        f"pulumi cannot read the outputs of stack {shown(stack)}: {reason}; when "
        "`pulumi stack output --json` works for it, this does"
    )
