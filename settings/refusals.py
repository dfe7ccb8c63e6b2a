"""How a value in a stack file is refused: the key, what was given, what is allowed, what to type.

The sections say what is allowed; this module only finds the words.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError


@dataclass(frozen=True)
class Rule:
    """What a key takes, in words for its reader, and a value that would be taken."""

    allowed: str
    example: str | None
    """None where the best advice is to leave the key out."""
    at: str = ""
    """Where in the value the example goes, such as `[0].name`: Pulumi sets no whole lists."""
    typed: str | None = None
    """The whole command, where setting an example or leaving the key out does not help."""


class Section(BaseModel):
    """A part of the stack file: camelCase keys, none unknown, none changed after reading."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=False,
        use_attribute_docstrings=True,
    )


_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
)
HERE = "<here>"
"""Stands in a refusal for the path of the section that raises it, which does not know it."""


def refusal(key: str, value: object, allowed: str, command: str) -> PydanticCustomError:
    """A refusal that concerns more than one value, in the same words as all others."""
    return PydanticCustomError(
        "refusal",
        "{sentence}",
        {"sentence": f"{key}: {_show(value)} is not allowed; it takes {allowed}. Type: {command}"},
    )


def _show(value: object) -> str:
    text = json.dumps(_without_secrets(value), default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _without_secrets(value: object) -> object:
    """A private key must not be shown, wherever in the stack file it was put."""
    if isinstance(value, dict):
        return {
            key: "[secret]" if "rivate" in str(key) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return "[secret]" if isinstance(value, str) and "PRIVATE KEY" in value else value


def sentence(model: type[Section], error: ErrorDetails) -> str:
    """One refusal of pydantic's as one sentence: key, value, what is allowed, what to type."""
    # Once more for what is no value: names of keys, folders, subjects.
    return _PRIVATE_KEY.sub("[secret]", _sentence(model, error))


def _sentence(model: type[Section], error: ErrorDetails) -> str:
    if error["type"] == "refusal":
        return error["msg"].replace(HERE, _path(error["loc"]) if error["loc"] else "")
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
    given = (
        "the value is missing"
        if error["type"] == "missing"
        else f"{_show('[secret]' if 'rivate' in path else error['input'])} is not allowed"
    )
    # Pulumi replaces text by a list at the top only; further down it expects to find one.
    in_the_way = rule.at and len(error["loc"]) > 1 and not isinstance(error["input"], list)
    command = rule.typed or (
        _command("rm", path)
        if rule.example is None or in_the_way
        else _command("set", path + rule.at, rule.example)
    )
    return f"{path}: {given}; it takes {rule.allowed}. Type: {command}"


def _path(loc: tuple[int | str, ...]) -> str:
    """As Pulumi writes paths: `clients[0].name`, `tags["cost.centre"]`."""
    first, *others = (step for step in loc if step != "[key]")
    return str(first) + "".join(
        f".{step}" if re.fullmatch(r"[A-Za-z_][\w-]*", str(step)) else f"[{json.dumps(step)}]"
        for step in others
    )


def _command(verb: str, path: str, *value: str) -> str:
    nested = ["--path"] if re.search(r"[.\[]", path) else []
    return shlex.join(["pulumi", "config", verb, *nested, path, *value])


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
    """The rule of the innermost value that has one."""
    annotation: Any = model
    rule = _keys_of(model)
    for step in loc:
        section = _section(annotation)
        if isinstance(step, int):
            rule = _rule_of_items(annotation) or Rule(rule.allowed, rule.example)
        elif section is None:
            rule = Rule(rule.allowed, rule.example)
        elif field := _field(section, step):
            annotation = _given(field.annotation)
            rule = (
                _first_rule(field.metadata)
                or _first_rule(getattr(annotation, "__metadata__", ()))
                or _keys_of(_section(annotation))
            )
    return rule


def _given(annotation: Any) -> Any:
    """`int` of `int | None`: what it takes when it is there at all."""
    kinds = get_args(annotation)
    return next(k for k in kinds if k is not NoneType) if NoneType in kinds else annotation


def _first_rule(metadata: Iterable[object]) -> Rule | None:
    return next((m for m in metadata if isinstance(m, Rule)), None)


def _rule_of_items(annotation: Any) -> Rule | None:
    rules = (_first_rule(getattr(item, "__metadata__", ())) for item in get_args(annotation))
    section = _section(annotation)
    return next(filter(None, rules), None) or (_keys_of(section) if section else None)


def _keys_of(section: type[Section] | None) -> Rule:
    keys = [str(f.alias) for f in section.model_fields.values()] if section else []
    return Rule(f"an object with {', '.join(keys)}", None)
