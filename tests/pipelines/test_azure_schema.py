"""azure-pipelines.yml is what Azure Pipelines' published schema allows."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.pipelines.pipelines import AZURE


@cache
def schema() -> Draft7Validator:
    """As it comes with check-jsonschema, which takes it from microsoft/azure-pipelines-vscode."""
    path = files("check_jsonschema") / "builtin_schemas" / "vendor" / "azure-pipelines.json"
    return Draft7Validator(json.loads(path.read_text()))


def is_valid(text: str) -> bool:
    return bool(schema().is_valid(_as_strings(yaml.safe_load(text))))


def _as_strings(value: Any, key: str = "") -> Any:
    """To Azure Pipelines every scalar is a string, and the schema says so of nearly all."""
    if isinstance(value, dict):
        return {name: _as_strings(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_strings(inner) for inner in value]
    if isinstance(value, bool):
        return str(value).lower() if key in ("always", "default") else value
    return str(value) if isinstance(value, int) else value


def test_the_file_is_valid() -> None:
    assert is_valid(AZURE.read_text())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timeoutInMinutes: 45", "timeoutInMinuts: 45"),
        ("- script: make check", "- skript: make check"),
        ("inlineScript: make plan", "inlineSkript: make plan"),
        ("- deployment: prod", "- deploy: prod"),
        ("runOnce:", "once:"),
        ("condition: not(canceled())", "conditions: not(canceled())"),
    ],
)
def test_the_schema_notices_a_misspelling(right: str, wrong: str) -> None:
    text = AZURE.read_text()
    assert right in text

    assert not is_valid(text.replace(right, wrong, 1))
