"""Kinds of values that more than one part of a stack file takes, each with its rule in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from program.settings.refusals import Rule


def no_truth_value(value: object) -> object:
    """YAML's `yes` and `true` are no numbers, though Python counts them as 1."""
    if isinstance(value, bool):
        raise ValueError
    return value


def repeated(items: Sequence[object]) -> int | None:
    """Position of the first item that was there before."""
    return next((i for i, item in enumerate(items) if item in items[:i]), None)


class Whole(Rule):
    """A whole number in a range: what it takes, in words and as a check."""

    _schema: CoreSchema

    def __init__(
        self, least: int, most: int, *, example: int, unit: str = "", allowed: str = ""
    ) -> None:
        number = f"a whole number of {unit}" if unit else "a whole number"
        super().__init__(allowed or f"{number} from {least} to {most}", example)
        within = core_schema.int_schema(ge=least, le=most)
        schema = core_schema.no_info_before_validator_function(no_truth_value, within)
        object.__setattr__(self, "_schema", schema)  # Rule is frozen

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return self._schema


def _port(value: int) -> int:
    # Not by Field: the number next to a wrong one is no better.
    if not 0 < value < 65536:
        raise ValueError
    return value


Port = Annotated[int, BeforeValidator(no_truth_value), AfterValidator(_port)]
PORT = "a TCP port from 1 to 65535 that no other key uses"
Days = Annotated[int, Whole(2, 36500, unit="days", example=365)]
"""How long a certificate lives. One day would leave no time to renew it before its end."""
Window = Annotated[
    int,
    Whole(
        1,
        36500,
        example=30,
        allowed="a whole number of days from 1, and less than the certificate's validity",
    ),
]
Generation = Annotated[
    int,
    Whole(1, 1_000_000, example=1, allowed="a whole number from 1: raise it by one to rotate"),
]
"""Counts the keys somebody has had: another number is another key."""
ClientName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"),
    Rule(
        "a name of 1 to 64 lower-case letters, digits, '.', '_' or '-' that begins and ends with "
        "a letter or digit (it becomes the certificate's common name and a folder's name)",
        "billing",
    ),
]
