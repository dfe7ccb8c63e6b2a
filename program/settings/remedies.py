"""The nearest value that is taken in place of a refused one, and what to type for it.

A remedy keeps what was meant: other letters, quotes or brackets, the end of a range. It takes no
value away, and where two are as near it is the rule's example that is typed.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]


def command(verb: str, path: str, *value: str | float) -> str:
    """A command that changes the stack file, without "Type: "."""
    nested = ["--path"] if re.search(r"[.\[]", path) else []
    words = [text if isinstance(text, str) else json.dumps(text) for text in value]
    # Below the top Pulumi takes what looks like a number or a truth value for one.
    if nested and value == tuple(w for w in words if re.fullmatch(r"-?\d+|true|false", w)) != ():
        nested += ["--type", "string"]
    if any(word.startswith("-") for word in words):
        words = ["--", *words]
    return shlex.join(["pulumi", "config", verb, *nested, path, *words])


def setting(path: str, value: Any, *, in_the_way: bool) -> str:
    """What to type so that a value is there; Pulumi makes no lists and maps where others are."""
    if not in_the_way and isinstance(value, dict | list) and len(value) == 1:
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        ((step, only),) = steps
        within = f"{path}[{step}]" if isinstance(step, int) else f"{path}.{step}"
        return setting(within, only, in_the_way=False)
    if isinstance(value, dict | list):
        return f"Write: {path}: {json.dumps(value, ensure_ascii=False)}"
    return f"Type: {command('set', path, value)}"


def nearest(
    model: type[BaseModel], error: ErrorDetails, given: Mapping[str, Any], example: Any
) -> Any:
    """What is taken in place of a refused value and nearest to it; None if nothing is."""
    place = error["loc"]

    def refusing(value: object, within: bool = True) -> list[ErrorDetails]:
        try:
            model.model_validate(_put(given, place, value))
        except ValidationError as others:
            return [
                e
                for e in others.errors()
                if e["loc"][: len(place)] == place or not (within or e["type"] != "refusal")
            ]
        return []

    is_text = error["type"].startswith("string")
    candidates = list(_candidates(error["input"], is_text, error.get("ctx", {}), refusing))
    for candidate in [*candidates, example]:
        # Brackets alone may leave something to refuse within them; a value should not.
        if not refusing(candidate, within=isinstance(candidate, dict | list)):
            return candidate
    return next((candidate for candidate in candidates if not refusing(candidate)), None)


def _put(values: Any, place: Place, value: object) -> Any:
    if not place:
        return value
    step, *deeper = place
    copied: Any = dict(values) if isinstance(values, Mapping) else list(values)
    copied[step] = _put(copied[step], tuple(deeper), value)
    return copied


def _candidates(
    value: Any,
    is_text: bool,
    context: Mapping[str, Any],
    refusing: Callable[[object], list[ErrorDetails]],
) -> Iterator[Any]:
    if isinstance(value, list) and len(value) == 1:
        yield value[0]
        yield from _candidates(value[0], is_text, context, refusing)
    if isinstance(value, list) and value:
        if all(isinstance(item, dict) for item in value):
            yield {key: text for item in value for key, text in item.items()}
        yield from _pairs(value)
    if isinstance(value, dict | list):
        if isinstance(value, dict):
            yield [value]
        yield json.dumps(value, ensure_ascii=False)
        return
    yield from _choices(str(value), context)
    if not isinstance(value, bool):
        yield from _numbers(str(value), context, refusing)
    yield json.dumps(value) if isinstance(value, bool) else str(value)
    if is_text:
        yield from _names(str(value))
    items = [item.strip() for item in str(value).split(",")]
    yield [int(item) if re.fullmatch(r"\d+", item) else item for item in items]
    yield items
    yield from _pairs(items)
    yield [{"name": item} for item in items]
    yield {"name": value}


def _choices(text: str, context: Mapping[str, Any]) -> Iterator[str]:
    choices = {c.casefold(): c for c in re.findall("'([^']+)'", str(context.get("expected", "")))}
    meant = text.strip().casefold()
    near = [c for c in choices if meant == c] or [
        c for c in choices if meant and (c in meant or meant in c)
    ]
    if not near:
        ratios = {c: difflib.SequenceMatcher(None, c, meant).ratio() for c in choices}
        best = max(0.6, *ratios.values()) if choices else 1
        near = [c for c in choices if ratios[c] == best]
    if len(near) == 1:
        yield choices[near[0]]


def _numbers(
    text: str, context: Mapping[str, Any], refusing: Callable[[object], list[ErrorDetails]]
) -> Iterator[int | float]:
    """The number in a text such as `8 MB`, or the end of the range that is next to it."""
    found = re.match(r"\s*[-+]?\d+(\.\d+)?", text)
    whole = int(float(found[0])) if found else 0
    numbers = [float(found[0]) if found[1] else whole, whole] if found else []
    yield from numbers
    for limits in (context, *(e.get("ctx", {}) for n in numbers[1:] for e in refusing(n))):
        yield from (limits[end] for end in ("ge", "le") if end in limits)


def _names(text: str) -> Iterator[str]:
    """Other spellings, as of `Alice`, `my team` or `2-models`; shorter ones of what is too long."""
    spellings = []
    # A DNS name as it stands in a URL, or in a zone's file.
    if found := re.fullmatch(r"(\w+://)?([\w-]+(\.[\w-]+)+)\.?(:\d+)?(/.*)?", text.strip().lower()):
        spellings = [found[2]]
    for each in (text.strip(), text.strip().lower()):
        hyphened = re.sub(r"[^A-Za-z0-9]+", "-", each).strip("-")
        spellings += [each, hyphened, hyphened.replace("-", ""), hyphened.lstrip("-0123456789")]
    yield from spellings
    # Half a DNS name is somebody else's.
    ends = (256,) if "." in text else (256, 64, 56, 48)
    yield from (spelling[:end] for spelling in spellings for end in ends)


def _pairs(items: list[Any]) -> Iterator[dict[str, str]]:
    """What is written as `name=text` elsewhere."""
    pairs = [str(item).partition("=") for item in items]
    if all(name and equals for name, equals, _ in pairs):
        yield {name.strip(): text.strip() for name, _, text in pairs}
