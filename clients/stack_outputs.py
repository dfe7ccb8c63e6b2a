"""Reads all outputs of a stack, from Pulumi or from a file that Pulumi wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from common import pulumi_cli
from common.refusal import Refusal, shown

# Where a stack of this machine may be meant.
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
)


def from_stack(stack: str, *, show_secrets: bool) -> dict[str, Any]:
    """What `pulumi stack output` says, in the user's own environment.

    Raises:
        Refusal: if Pulumi is not there or cannot do it; says what to do next.
    """
    pulumi_cli.require(
        "name a file made by `pulumi stack output --json --show-secrets` with --outputs"
    )
    print(f"Reading the outputs of stack {stack} ...", file=sys.stderr, flush=True)
    command = ["stack", "output", "--json", *(["--show-secrets"] if show_secrets else [])]
    answer = pulumi_cli.ask(stack, command)
    if answer.code != 0:
        raise Refusal(
            pulumi_cli.next_step(stack, answer.said, answer.reason, _NEXT_STEPS)
            or f"pulumi cannot read the outputs of stack {shown(stack)}: {answer.reason}; when "
            "`pulumi stack output --json` works for it, this does"
        )
    outputs = _parsed(answer.output, f"pulumi's answer for stack {shown(stack)}")
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
