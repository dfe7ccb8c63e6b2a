"""Properties as they travel between a program and the engine: what is secret, what is unknown."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import rpc


@dataclass(frozen=True)
class Secret:
    """A value that the engine would encrypt in the state and hide in its output."""

    value: Any


class Unknown(enum.Enum):
    """Stands for what a preview does not know yet."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


def decode(message: struct_pb2.Struct | struct_pb2.Value) -> Any:
    """Python values, with what is secret or unknown marked where it is."""
    if isinstance(message, struct_pb2.Value):
        return _decode_value(message)
    fields = {key: _decode_value(value) for key, value in message.fields.items()}
    match fields.get(rpc._special_sig_key):
        case None:
            return fields
        case rpc._special_secret_sig:
            return Secret(fields["value"])
        case signature:
            raise AssertionError(f"no value of this kind was expected: {signature}")


def _decode_value(message: struct_pb2.Value) -> Any:
    kind = message.WhichOneof("kind")
    assert kind is not None
    value: Any = getattr(message, kind)
    match kind:
        case "struct_value":
            value = decode(value)
        case "list_value":
            value = [_decode_value(item) for item in value.values]
        case "number_value":
            value = int(value) if value.is_integer() else value
        case "string_value":
            value = UNKNOWN if value == rpc.UNKNOWN else value
        case "null_value":
            value = None
    return value


def encode(properties: dict[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(properties)
    return message


def plain(value: Any) -> Any:
    """The value, whether secret or not."""
    match value:
        case Secret():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def strings(value: Any, path: str = "", *, secret: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Every string in a value with its path (keys are strings, too), and whether it is secret."""
    match value:
        case Secret():
            yield from strings(value.value, path, secret=True)
        case dict():
            for key, item in value.items():
                yield path, key, secret
                yield from strings(item, f"{path}.{key}", secret=secret)
        case list():
            for item in value:
                yield from strings(item, f"{path}[]", secret=secret)
        case str():
            yield path, value, secret
