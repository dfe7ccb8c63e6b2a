"""What a change of a schema does to those who read by the old one.

Knows the words of JSON Schema that the schemas in common/contract/ use, and calls every change of
another word a breach: somebody has to look at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
FOR_PEOPLE = frozenset(["$schema", "title", "description", "$defs"])
LOOKED_INTO = frozenset(["properties", "required", "items", "additionalProperties", "enum"])


def breaches(old: Schema, new: Schema) -> list[str]:
    """What readers of the old could no longer rely on; each begins with the path of the field."""
    return list(_compare("", old, new, old, new))


def _compare(path: str, old: Any, new: Any, old_root: Schema, new_root: Schema) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    here = path or "(the whole)"
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{path}.{name}: removed"
        else:
            after = new["properties"][name]
            yield from _compare(f"{path}.{name}", field, after, old_root, new_root)
    # Anyone who goes through all the others meets a new field there, too.
    if isinstance(others := old.get("additionalProperties"), Mapping):
        for name in sorted(new.get("properties", {}).keys() - old.get("properties", {}).keys()):
            after = new["properties"][name]
            yield from _compare(f"{path}.{name}", others, after, old_root, new_root)
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{path}.{name}: may be missing"
    for word, step in (("items", "[]"), ("additionalProperties", ".*")):
        if word in old and word not in new:
            yield f"{here}: {word} removed"
        elif word in old:
            yield from _compare(path + step, old[word], new[word], old_root, new_root)
    if "enum" in old and not set(new.get("enum", ["anything"])) <= set(old["enum"]):
        yield f"{here}: values that nobody expects"
    # A word that was not there before promises more, which harms no reader.
    for word in sorted(old.keys() - FOR_PEOPLE - LOOKED_INTO):
        if old[word] != new.get(word):
            yield f"{here}: another {word}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = {**found, **{word: schema[word] for word in schema if word != "$ref"}}
    return schema
