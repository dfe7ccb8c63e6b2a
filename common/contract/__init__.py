"""The contract with consumers: what `endpoint` and `clientCertificates` hold, as JSON Schemas.

One folder for each version that ever was. The program checks what it exports against the newest;
another language's consumer may check what it reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
VERSION = 1
"""Raised when a field is removed or means something else; new ones may come without."""


class ContractError(Exception):
    """An output that consumers could not rely on."""


def schema(output: str, version: int = VERSION) -> dict[str, Any]:
    """The schema of an output."""
    text = (FOLDER / f"v{version}" / f"{output}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def check(output: str, value: Any) -> Any:
    """An output's value, which fits its schema.

    Raises:
        ContractError: naming what is wrong by its key; values are not repeated, they may be secret.
    """
    import jsonschema_rs  # noqa: PLC0415  not before there is something to check

    validator = jsonschema_rs.Draft202012Validator(
        schema(output), mask="its value", validate_formats=True
    )
    wrong = [
        f"{'.'.join([output, *map(str, e.instance_path)])}: {e.message}"
        for e in validator.iter_errors(value)
    ]
    if wrong:
        raise ContractError(
            f"the output {output} is not what version {VERSION} of the contract promises: "
            f"{_some(wrong)}. Fields may be added; where one has to go or to mean something else, "
            "raise VERSION in common/contract/__init__.py and write the schemas of that version"
        )
    return value


def _some(sentences: Iterable[str]) -> str:
    first, *rest = sentences
    return "; ".join([first, *rest[:2], *(["…"] if len(rest) > 2 else [])])
