"""The judge of schemas tells changes that harm a reader from those that do not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.compatibility import breaches

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "kind", "parts"],
    "properties": {
        "name": {"type": "string", "pattern": "^a"},
        "kind": {"enum": ["x", "y"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part", "minProperties": 1}},
    },
    "additionalProperties": {"type": "string"},
    "$defs": {"part": {"type": "object", "required": ["id"], "properties": {"id": {"const": 1}}}},
}
Edit = Callable[[dict[str, Any]], object]

HARMLESS: dict[str, Edit] = {
    "nothing": lambda _: None,
    "one more field like the others": lambda s: s["properties"].update(more={"type": "string"}),
    "one more field where there are no others": lambda s: s["$defs"]["part"]["properties"].update(
        more={"type": "integer"}
    ),
    "one more that is always there": lambda s: s["required"].append("more"),
    "another explanation": lambda s: s["properties"]["name"].update(description="words"),
    "fewer values": lambda s: s["properties"]["kind"].update(enum=["x"]),
    "a promise more": lambda s: s["properties"]["name"].update(minLength=3),
    "written out": lambda s: s["properties"]["parts"].update(
        items={**s["$defs"]["part"], "minProperties": 1}
    ),
}
HARMFUL: dict[str, tuple[Edit, str]] = {
    "a field removed": (lambda s: s["properties"].pop("name"), ".name: removed"),
    "a field renamed": (
        lambda s: s["properties"].update(title=s["properties"].pop("name")),
        ".name: removed",
    ),
    "a field of another type": (
        lambda s: s["properties"]["name"].update(type="integer"),
        ".name: another type",
    ),
    "a field that may be null": (
        lambda s: s["properties"]["name"].update(type=["string", "null"]),
        ".name: another type",
    ),
    "a field that may be missing": (
        lambda s: s["required"].remove("name"),
        ".name: may be missing",
    ),
    "one value more": (
        lambda s: s["properties"]["kind"]["enum"].append("z"),
        ".kind: values that nobody expects",
    ),
    "any value": (lambda s: s["properties"].update(kind={}), ".kind: values that nobody expects"),
    "another form": (
        lambda s: s["properties"]["name"].update(pattern="^b"),
        ".name: another pattern",
    ),
    "items of another kind": (
        lambda s: s["$defs"]["part"]["properties"]["id"].update(const=2),
        ".parts[].id: another const",
    ),
    "items with less in them": (
        lambda s: s["$defs"]["part"]["properties"].pop("id"),
        ".parts[].id: removed",
    ),
    "items of any kind": (lambda s: s["properties"]["parts"].pop("items"), ".parts: items removed"),
    "one more field that is unlike the others": (
        lambda s: s["properties"].update(more={"type": "integer"}),
        ".more: another type",
    ),
    "less promised beside a reference": (
        lambda s: s["properties"]["parts"]["items"].pop("minProperties"),
        ".parts[]: another minProperties",
    ),
    "others of another type": (
        lambda s: s["additionalProperties"].update(type="integer"),
        ".*: another type",
    ),
    "another whole": (lambda s: s.update(type="array"), "(the whole): another type"),
}


def edited(edit: Edit) -> dict[str, Any]:
    changed = copy.deepcopy(SCHEMA)
    edit(changed)
    return changed


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_harms_no_reader_is_none(change: str) -> None:
    assert breaches(SCHEMA, edited(HARMLESS[change])) == []


@pytest.mark.parametrize("change", HARMFUL)
def test_a_change_that_harms_a_reader_is_named(change: str) -> None:
    edit, said = HARMFUL[change]

    assert said in breaches(SCHEMA, edited(edit))
