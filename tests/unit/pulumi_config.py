"""What `pulumi config` does to a stack file, for tests that type what they are told to.

Seen with the CLI, 3.259; the help of `pulumi config set` says so, too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from tests.unit.refused.group import ZEROS

REMEDY = re.compile(r"(?:Type|Write|Rename): .*")


def follow(sentence: str, values: dict[str, Any], files: Mapping[str, str] | None = None) -> None:
    """Do what a refusal says at its end."""
    verb, _, rest = REMEDY.findall(sentence)[-1].partition(": ")
    if verb == "Type":
        type_in(rest, values, files)
    elif verb == "Write":
        path, _, value = rest.partition(": ")
        *holder, last = _steps(path)
        _put(_at(values, holder), last, yaml.safe_load(value))
    else:
        old, new = (_steps(path) for path in rest.split(" to "))
        _put(_at(values, new[:-1]), new[-1], _at(values, old[:-1]).pop(old[-1]))


def type_in(command: str, values: dict[str, Any], files: Mapping[str, str] | None = None) -> None:
    """What `pulumi config` does to a stack file, in a folder with these files."""
    program, config, verb, *rest = shlex.split(
        command.replace("<64 hex digits>", ZEROS)  # the one thing that nobody else can know
    )
    assert (program, config) == ("pulumi", "config")
    options = {"--secret", "--path", "--type"}.intersection(rest)
    if "--type" in options:
        rest.remove("string")
    nested = "--path" in options
    key, *value = (word for word in rest if word not in {*options, "--"})
    if "--secret" in options:
        assert verb == "set"
    # Without it a text that begins with a hyphen would be an option.
    assert not any(word.startswith("$(cat ") for word in value) or "--" in rest
    if "<" in value:
        _, name = value
        value = [f"$(cat {name})"]
    value = [_read(word, files or {}) for word in value]
    steps: list[str | int] = _steps(key) if nested else [key]
    if verb == "rm":
        assert value == []
        _remove(values, steps)
    else:
        assert verb == "set"
        (text,) = value
        _set(values, steps, _typed(text) if nested and "--type" not in options else text)


def _steps(path: str) -> list[str | int]:
    pattern = re.compile(r"""\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\["([^"]*)"\]""")
    found = list(pattern.finditer(path))
    assert "".join(match.group() for match in found) == path, f"{path} is no path"
    return [int(m[2]) if m[2] else m[1] or m[3] for m in found]


def _typed(text: str) -> str | int | bool:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text


def _set(values: dict[str, Any], steps: list[str | int], value: object) -> None:
    holder: Any = values
    for depth, (step, following) in enumerate(zip(steps, [*steps[1:], None], strict=True)):
        if following is None:
            _put(holder, step, value)
            return
        empty: Any = [] if isinstance(following, int) else {}
        present = step < len(holder) if isinstance(step, int) else step in holder
        # Null counts as nothing, text at the top, too.
        if not present or holder[step] is None or (depth == 0 and _is_scalar(holder[step])):
            _put(holder, step, empty)
        holder = holder[step]
        assert isinstance(holder, type(empty)), "expected a map or a list"


def _put(holder: Any, step: str | int, value: object) -> None:
    if isinstance(holder, list) and step == len(holder):
        holder.append(value)
    else:
        holder[step] = value


def _remove(values: dict[str, Any], steps: list[str | int]) -> None:
    del _at(values, steps[:-1])[steps[-1]]


def _at(values: Any, steps: list[str | int]) -> Any:
    for step in steps:
        values = values[step]
    return values


def _is_scalar(value: object) -> bool:
    return not isinstance(value, dict | list)


def _read(word: str, files: Mapping[str, str]) -> str:
    """`$(cat file)` as a shell has it, and an object id as Azure's CLI answers it."""
    if word.startswith("$(az ad "):
        return "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c12"
    name = re.fullmatch(r"\$\(cat ([\w.]+)\)", word)
    return files[name[1]].rstrip("\n") if name else word
