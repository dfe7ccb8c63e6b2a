"""How a value in a stack file is refused: the key, what was given, what is allowed, what to type.

The sections say what is allowed; this module only finds the words. What to type is in remedies.py.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from common.stack_file import written
from program.settings.key_material import HIDDEN, hidden, holds_key
from program.settings.remedies import command, nearest, setting


@dataclass(frozen=True)
class Rule:
    """What a key takes, in words for its reader, and a value that would be taken."""

    allowed: str
    example: Any = None
    """Is typed where nothing like the given value is allowed; of those the one that protects most.
    """
    typed: str | None = None
    """The whole command, where only the user has the value."""


class Section(BaseModel):
    """A part of the stack file: camelCase keys, none unknown, none changed after reading."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=False,
        use_attribute_docstrings=True,
    )


HERE = "<here>"
"""Stands in a refusal for the path of the section that raises it, which does not know it."""


def refusal(key: str, value: object, allowed: str, command: str) -> PydanticCustomError:
    """A refusal that concerns more than one value, in the same words as all others."""
    typed = command if command.startswith("Rename: ") else f"Type: {command}"
    return PydanticCustomError(
        "refusal",
        "{sentence}",
        {"sentence": f"{key}: {_show(value)} is not allowed; it takes {allowed}. {typed}"},
    )


def _show(value: object) -> str:
    text = json.dumps(_without_secrets(value), default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _without_secrets(value: object) -> object:
    """A private key must not be shown, wherever in the stack file it was put."""
    if isinstance(value, dict):
        return {
            key: HIDDEN if "rivate" in str(key) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return HIDDEN if isinstance(value, str) and holds_key(value) else value


def sentences(
    model: type[Section], errors: Iterable[ErrorDetails], given: Mapping[str, Any]
) -> list[str]:
    """Each refusal of pydantic's as one sentence: key, value, what is allowed, what to type."""
    errors = list(errors)
    unknown = [e["loc"] for e in errors if e["type"] == "extra_forbidden"]
    renamed = [m for loc in unknown if (m := _meant(model, loc)) and _is_free(m, given)]
    # Once more without keys for what is no value: names of keys, folders, subjects.
    return list(
        dict.fromkeys(
            hidden(_sentence(model, error, given))
            for error in errors
            if error["loc"] not in renamed
        )
    )


def instead(model: type[Section], place: tuple[int | str, ...]) -> str:
    """What to type where nothing of a value can be kept."""
    rule = rule_of(model, place)
    return rule.typed or setting(written(*place), rule.example, in_the_way=True)


def _sentence(model: type[Section], error: ErrorDetails, given: Mapping[str, Any]) -> str:
    loc, value = error["loc"], error["input"]
    if error["type"] == "refusal":
        return error["msg"].replace(HERE, _path(loc) if loc else "")
    path = _path(loc)
    if error["type"] == "extra_forbidden" and re.search(r"^-|[.\[]", str(loc[0])) and len(loc) == 1:
        # Set without --path; with it, the command would remove another key's value.
        typed = shlex.join(["pulumi", "config", "rm", "--", path])
        return (
            f"{path}: there is no such key (a path into a key is set with `pulumi config set "
            f"--path`); allowed are {', '.join(_keys_beside(model, loc))}. Type: {typed}"
        )
    if error["type"] == "extra_forbidden":
        meant = _meant(model, loc)
        hint = f"did you mean {meant[-1]}? " if meant else ""
        typed = (
            f"Rename: {path} to {_path(meant)}"
            if meant and _is_free(meant, given)
            else f"Type: {command('rm', path)}"
        )
        known = ", ".join(_keys_beside(model, loc))
        return f"{path}: there is no such key; {hint}allowed are {known}. {typed}"
    rule = rule_of(model, loc)
    if loc[-1] == "[key]":
        renamed = re.sub(r"[<>%&\\?/]", "-", str(value))[:512] or "name"
        typed = f"Rename: {path} to {written(*loc[:-2], renamed)}"
        return f"{path}: {_show(value)} is not allowed; it takes {rule.allowed}. {typed}"
    is_secret = "rivate" in path
    missing = error["type"] == "missing" or value is None or value == ""
    shown = (
        "the value is missing"
        if missing
        else f"{_show(HIDDEN if is_secret else value)} is not allowed"
    )
    good: Any = None
    if not (is_secret or missing or _without_secrets(value) != value):
        good = nearest(model, error, given, rule.example)
    if error["type"] == "too_long" and isinstance(value, dict):
        typed = f"Type: {command('rm', written(*loc, list(value)[-1]))}"
    elif good is None and rule.typed:
        typed = f"Type: {rule.typed.replace(HERE, path)}"
    else:
        example = "" if rule.example is None else rule.example
        good = example if good is None else good
        in_the_way = not (error["type"] == "missing" or value is None) and (
            isinstance(value, dict | list) or len(loc) > 1
        )
        typed = setting(path, good, in_the_way=in_the_way)
    return f"{path}: {shown}; it takes {rule.allowed}. {typed}"


def _path(loc: tuple[int | str, ...]) -> str:
    return written(*(step for step in loc if step != "[key]"))


def _meant(model: type[Section], loc: tuple[int | str, ...]) -> tuple[int | str, ...] | None:
    """The key that an unknown one is a misspelling of."""
    known = {key.casefold(): key for key in _keys_beside(model, loc)}
    spelt = str(loc[-1]).replace("_", "").casefold()
    near = difflib.get_close_matches(spelt, known, n=1)
    return (*loc[:-1], known[near[0]]) if near else None


def _is_free(loc: tuple[int | str, ...], given: Any) -> bool:
    for step in loc[:-1]:
        given = given[step]
    return given.get(loc[-1]) in (None, "")


def _field(model: type[Section], key: str) -> Any:
    return next((f for f in model.model_fields.values() if f.alias == key), None)


def section_in(annotation: Any) -> type[Section] | None:
    """The Section in an annotation such as `GroupResources` or `tuple[Client, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_in, get_args(annotation))), None)


def _keys_beside(model: type[Section], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where an unknown one was found."""
    for step in loc[:-1]:
        if isinstance(step, str) and (field := _field(model, step)):
            model = section_in(field.annotation) or model
    return [str(f.alias) for f in model.model_fields.values() if ":" not in str(f.alias)]


def rule_of(model: type[Section], loc: tuple[int | str, ...]) -> Rule:
    """The rule of the innermost value that has one."""
    annotation: Any = model
    rule = Rule("")
    for step in loc:
        section = section_in(annotation)
        if isinstance(step, int):
            rule = _rule_of_items(annotation) or _rule_within(rule)
        elif section is None:
            rule = _rule_within(rule)
        elif field := _field(section, step):
            annotation = _given(field.annotation)
            rule = (
                _first_rule(field.metadata)
                or _first_rule(getattr(annotation, "__metadata__", ()))
                or _choice_of(annotation)
                or _keys_of(section_in(annotation))
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
    section = section_in(annotation)
    return next(filter(None, rules), None) or (_keys_of(section) if section else None)


def _choice_of(annotation: Any) -> Rule | None:
    """Of a Literal: its first value is the example."""
    if get_origin(annotation) is not Literal:
        return None
    return Rule("one of " + ", ".join(get_args(annotation)), get_args(annotation)[0])


def _rule_within(rule: Rule) -> Rule:
    """That of a list or map, for one of its items."""
    items = rule.example or [None]
    return Rule(rule.allowed, items[0] if isinstance(items, list) else "")


def _keys_of(section: type[Section] | None) -> Rule:
    fields = section.model_fields.values() if section else ()
    example = {
        str(f.alias): rule.example
        for f in fields
        if section and f.is_required()
        if (rule := rule_of(section, (str(f.alias),))).example is not None
    }
    return Rule(f"an object with {', '.join(str(f.alias) for f in fields)}", example)
