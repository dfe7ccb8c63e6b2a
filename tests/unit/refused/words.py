"""The words of a refusal: key, value, what is allowed, what to type."""

from __future__ import annotations

import json
import re
from typing import Any

COMMAND = re.compile(r"(Type: pulumi config \w+) --stack dev")
Cases = dict[str, tuple[dict[str, Any], list[str]]]
"""What is changed in a good stack file, and the sentences that refuse it."""


def told(error: Exception | None) -> list[str]:
    """The sentences that refuse the stack dev. That every command names it is left out."""
    first, *others = str(error).splitlines()
    assert first == "Pulumi.dev.yaml cannot be deployed:"
    assert all(other.startswith("  ") for other in others)
    text = "\n".join(other[2:] for other in others)
    assert len(COMMAND.findall(text)) == text.count("Type: pulumi config ")
    return COMMAND.sub(r"\1", text).splitlines()


def missing(key: str, allowed: str, typed: str) -> str:
    return f"{key}: the value is missing; it takes {allowed}. Type: pulumi config set {typed}"


def wrong(key: str, value: object, allowed: str, typed: str) -> str:
    return f"{key}: {json.dumps(value)} is not allowed; it takes {allowed}. Type: {typed}"


def remove(path: str) -> str:
    """The command that takes a value out."""
    return f"pulumi config rm --path {quoted(path)}"


def put(path: str, value: object) -> str:
    """The command that sets a value."""
    return f"pulumi config set --path {quoted(path)} {value}"


def quoted(path: str) -> str:
    return f"'{path}'" if "[" in path else path


def unknown(path: str, allowed: str, meant: str = "") -> str:
    hint = f"did you mean {meant}? " if meant else ""
    return f"{path}: there is no such key; {hint}allowed are {allowed}. Type: {remove(path)}"


def names(*clients: object) -> dict[str, Any]:
    return {"clients": [{"name": name} for name in clients]}
