"""The words of a refusal: key, value, what is allowed, what to type."""

from __future__ import annotations

import json
import re
from typing import Any

COMMAND = re.compile(r"(Type: pulumi config \w+) --stack dev")
EDIT = re.compile(r"\. (Rename|Write) in Pulumi\.dev\.yaml: ")
Cases = dict[str, tuple[dict[str, Any], list[str]]]
"""What is changed in a good stack file, and the sentences that refuse it."""


def told(error: Exception | None) -> list[str]:
    """The sentences that refuse the stack dev. That every command names it is left out."""
    first, *others = str(error).splitlines()
    assert first == "Pulumi.dev.yaml cannot be deployed:"
    assert all(other.startswith("  ") for other in others)
    text = "\n".join(other[2:] for other in others)
    assert len(COMMAND.findall(text)) == text.count("Type: pulumi config ")
    return EDIT.sub(r". \1: ", COMMAND.sub(r"\1", text)).splitlines()


def missing(key: str, allowed: str, typed: str) -> str:
    return f"{key}: the value is missing; it takes {allowed}. Type: pulumi config set {typed}"


def wrong(key: str, value: object, allowed: str, typed: str) -> str:
    verb = "" if typed.startswith(("Write: ", "Rename: ")) else "Type: "
    return f"{key}: {json.dumps(value)} is not allowed; it takes {allowed}. {verb}{typed}"


def absent(told: str) -> str:
    """A refusal of nothing at all, such as "" or null."""
    return told.replace('"" is not allowed', "the value is missing").replace(
        "null is not allowed", "the value is missing"
    )


def remove(path: str) -> str:
    """The command that takes a value out."""
    return f"pulumi config rm --path {quoted(path)}"


def put(path: str, value: object) -> str:
    """The command that sets a value."""
    return f"pulumi config set --path {quoted(path)} {value}"


def write(path: str, value: object) -> str:
    """What to write where no command can set it."""
    return f"Write: {path}: {json.dumps(value)}"


def quoted(path: str) -> str:
    return f"'{path}'" if "[" in path else path


def unknown(path: str, allowed: str, meant: str = "") -> str:
    hint = f"did you mean {meant}? " if meant else ""
    renamed = f"Rename: {path} to {path.rpartition('.')[0]}.{meant}"
    typed = renamed if meant else f"Type: {remove(path)}"
    return f"{path}: there is no such key; {hint}allowed are {allowed}. {typed}"


def names(*clients: object) -> dict[str, Any]:
    return {"clients": [{"name": name} for name in clients]}
