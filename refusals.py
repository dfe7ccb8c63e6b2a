"""How a value in a stack file is refused: the key, what was given, what is allowed, what to type.

`settings.py` says what is allowed; this module only finds the words.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError


@dataclass(frozen=True)
class Rule:
    """What a key takes, in words for its reader, and a value that would be taken."""

    allowed: str
    example: str


class Section(BaseModel):
    """A part of the stack file: camelCase keys, none unknown, none changed after reading."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=False,
        use_attribute_docstrings=True,
    )


def refusal(key: str, value: object, allowed: str, command: str) -> PydanticCustomError:
    """A refusal that concerns more than one value, in the same words as all others."""
    return PydanticCustomError(
        "refusal",
        "{sentence}",
        {"sentence": f"{key}: {_show(value)} is not allowed; it takes {allowed}. Type: {command}"},
    )


def _show(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def sentence(model: type[Section], error: ErrorDetails) -> str:
    """One refusal of pydantic's as one sentence: key, value, what is allowed, what to type."""
    if error["type"] == "refusal":
        return error["msg"]
    path = _path(error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_beside(model, error["loc"])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        meant = f"did you mean {close[0]}? " if close else ""
        return (
            f"{path}: there is no such key; {meant}allowed are {', '.join(known)}. "
            f"Type: {_command('rm', path)}"
        )
    rule = _rule(model, error["loc"])
    fix = f"Type: {_command('set', path)} {_quoted(rule.example)}"
    if error["type"] == "missing":
        return f"{path}: the value is missing; it takes {rule.allowed}. {fix}"
    return f"{path}: {_show(error['input'])} is not allowed; it takes {rule.allowed}. {fix}"


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    return path


def _command(verb: str, path: str) -> str:
    nested = re.search(r"[.\[]", path) and ":" not in path
    return f"pulumi config {verb} --path '{path}'" if nested else f"pulumi config {verb} {path}"


def _quoted(example: str) -> str:
    return example if re.fullmatch(r"[\w.-]+", example) else f"'{example}'"


def _field(model: type[Section], key: str) -> Any:
    return next((f for f in model.model_fields.values() if f.alias == key), None)


def _section(annotation: Any) -> type[Section] | None:
    """The Section in an annotation such as `GroupResources` or `tuple[Client, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section, get_args(annotation))), None)


def _keys_beside(model: type[Section], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where an unknown one was found."""
    for step in loc[:-1]:
        if isinstance(step, str) and (field := _field(model, step)):
            model = _section(field.annotation) or model
    return [str(f.alias) for f in model.model_fields.values() if ":" not in str(f.alias)]


def _rule(model: type[Section], loc: tuple[int | str, ...]) -> Rule:
    """The innermost rule on the way to a value."""
    found = Rule("an object", "{}")
    for step in loc:
        if isinstance(step, int) or not (field := _field(model, step)):
            continue
        found = _first_rule(field.metadata) or found
        inner = _section(field.annotation)
        if inner is None:
            found = _rule_of_items(field.annotation) if isinstance(loc[-1], int) else found
        else:
            model = inner
    return found


def _first_rule(metadata: Iterable[object]) -> Rule | None:
    return next((m for m in metadata if isinstance(m, Rule)), None)


def _rule_of_items(annotation: Any) -> Rule:
    rules = (_first_rule(getattr(item, "__metadata__", ())) for item in get_args(annotation))
    return next(filter(None, rules), Rule("a list", "[]"))
