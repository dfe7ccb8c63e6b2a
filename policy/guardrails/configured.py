"""Mistakes in the pack's configuration: of a setting that is not there the engine says nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from policy.guardrails import GUARDRAILS

ALL = "all"
"""What the engine calls every rule at once."""


def mistakes(config: Mapping[str, Any]) -> Iterator[str]:
    """Rules and settings that there are not; values are the engine's to check."""
    rules = {rule.name: rule for rule in GUARDRAILS}
    for name, given in config.items():
        if name not in {ALL, *rules}:
            yield f"{name}: there is no such rule{_meant(name, rules)}"
        elif isinstance(given, Mapping):
            settings = ["enforcementLevel", *(rules[name].config if name in rules else ())]
            for key in given:
                if key not in settings:
                    yield (
                        f"{name}.{key}: there is no such setting{_meant(key, settings)}; allowed "
                        f"are {', '.join(settings)}"
                    )


def _meant(word: str, known: Collection[str]) -> str:
    found = get_close_matches(word, known, 1)
    return f", did you mean {found[0]}" if found else ""
