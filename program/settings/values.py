"""Kinds of values that more than one part of a stack file takes, each with its rule in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from program.settings.refusals import Rule


def no_truth_value(value: object) -> object:
    """YAML's `yes` and `true` are no numbers, though Python counts them as 1."""
    if isinstance(value, bool):
        raise ValueError
    return value


def repeated(items: Sequence[object]) -> int | None:
    """Position of the first item that was there before."""
    return next((i for i, item in enumerate(items) if item in items[:i]), None)


def _port(value: int) -> int:
    # Not by Field: the number next to a wrong one is no better.
    if not 0 < value < 65536:
        raise ValueError
    return value


Port = Annotated[int, BeforeValidator(no_truth_value), AfterValidator(_port)]
PORT = "a TCP port from 1 to 65535 that no other key uses"
Days = Annotated[
    int,
    BeforeValidator(no_truth_value),
    Field(ge=2, le=36500),
    Rule("a whole number of days from 2 to 36500", 365),
]
"""How long a certificate lives. One day would leave no time to renew it before its end."""
Window = Annotated[
    int,
    BeforeValidator(no_truth_value),
    Field(ge=1, le=36500),
    Rule("a whole number of days from 1, and less than the certificate's validity", 30),
]
Generation = Annotated[
    int,
    BeforeValidator(no_truth_value),
    Field(ge=1, le=1_000_000),
    Rule("a whole number from 1: raise it by one to rotate", 1),
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
