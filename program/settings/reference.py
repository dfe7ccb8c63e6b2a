"""What a stack file may say, as a table for people and as `config` for Pulumi.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.names import LOCATION
from program.settings import StackSettings
from program.settings.refusals import Section, rule_of, section_in


class Key(NamedTuple):
    """One key: its path, what it takes, what it has without a word, and what it is for."""

    path: str
    takes: str
    default: str
    about: str


def all_keys(
    model: type[Section] = StackSettings, within: str = "", given: Section | None = None
) -> Iterator[Key]:
    """Lists all keys that hold a value, those of a section behind its own.

    Args:
        model: whose keys.
        within: the path of the section that they are in, with what separates them.
        given: what that section is where nobody says anything.
    """
    for name, field in model.model_fields.items():
        path = f"{within}{field.alias}"
        default = getattr(given, name) if given else field.default
        inner = section_in(field.annotation)
        if not isinstance(default, Section):  # of those there is something to say only within
            takes = rule_of(model, (str(field.alias),)).allowed
            yield Key(path, takes, _written(default), _sentence(field))
        if inner is not None:
            step = "[]." if get_origin(field.annotation) is tuple else "."
            yield from all_keys(
                inner, f"{path}{step}", default if isinstance(default, Section) else None
            )


def table() -> str:
    """The keys as Markdown."""
    rows = [
        f"| `{key.path}` | {_escaped(key.takes)} | {key.default} | {_escaped(key.about)} |"
        for key in all_keys()
    ]
    return "\n".join(
        ["| key | takes | default | what it is for |", "| --- | --- | --- | --- |", *rows]
    )


def pulumi_config() -> str:
    """The keys as Pulumi.yaml declares them.

    Without types, and with an empty default for what is required: so values of any kind reach the
    settings, which say what to type.
    """
    declared = {
        str(field.alias): {
            "default": "" if field.is_required() else _value(field),
            "description": f"{'Required. ' * field.is_required()}{_sentence(field)} It takes "
            f"{rule_of(StackSettings, (str(field.alias),)).allowed}.",
        }
        for field in StackSettings.model_fields.values()
        if field.alias != LOCATION
    }
    return yaml.safe_dump({"config": declared}, sort_keys=False, width=99, allow_unicode=True)


def _escaped(text: str) -> str:
    """What Markdown would take for its own is marked, but in code, where it takes nothing."""
    parts = re.split("(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"[\\|<*_]", r"\\\g<0>", part) for part in parts
    )


def _written(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    return "none" if default is None else f"`{json.dumps(default)}`"


def _value(field: FieldInfo) -> Any:
    """As JSON has it; a section's own keys have defaults of their own."""
    if isinstance(field.default, Section):
        return {}
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _sentence(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())
