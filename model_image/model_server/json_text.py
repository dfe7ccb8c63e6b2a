"""JSON in and out: what a body holds, and how arrays are written."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson

from .errors import RequestError
from .tensors import Array

_AT_ONCE = 4096
"""Values that are made into JSON at once: as Python's objects they take many times their bytes."""


def loads(body: bytes | bytearray | memoryview) -> Any:
    """Raise RequestError (400) with a reason that helps."""
    # What is parsed holds no cycles, and to look for them again and again takes longer than it.
    gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            400, f"The body is not {_unlike(bytes(body)) or f'valid JSON: {error}'}."
        ) from None
    finally:
        gc.enable()


def _unlike(body: bytes) -> str | None:
    """What is told instead of where JSON ends, if it never began."""
    if body.startswith(b"\x1f\x8b"):
        return "JSON but gzip; send the header Content-Encoding: gzip with it"
    try:
        if "\0" not in body.decode():
            return None
    except UnicodeDecodeError as error:
        return f"UTF-8, which JSON is written in: {error.reason} at byte {error.start}"
    return "JSON in UTF-8 but holds bytes of zero, as UTF-16 does; send it as UTF-8"


def finite(outputs: dict[str, Array]) -> dict[str, Array]:
    """Raise RequestError (400) for what JSON cannot say."""
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RequestError(
                400,
                f"Output '{name}' is not a finite number for these inputs, and JSON has no way to "
                "write NaN or infinity.",
            )
    return outputs


def array_pieces(array: Array) -> Iterator[bytes | memoryview]:
    """Nested lists, a part at a time."""
    if array.ndim == 0:
        yield _json(plain(array))
    else:
        size = array[:1].size
        yield from list_pieces(len(array), size, lambda part: plain(array[part]))


def list_pieces(
    length: int, size: int, values: Callable[[slice], object]
) -> Iterator[bytes | memoryview]:
    """A JSON list, of which some are made at a time; `size` is how many values are in one of it."""
    step = max(1, _AT_ONCE // max(1, size))
    if length <= step:
        yield _json(values(slice(length)))
        return
    yield b"["
    for begin in range(0, length, step):
        if begin:
            yield b","
        yield memoryview(_json(values(slice(begin, begin + step))))[1:-1]
    yield b"]"


def plain(array: Array) -> Any:
    """What orjson can write: it knows neither arrays of text or of no dimension, nor `longlong`."""
    # Not .tolist() for all: that widens float32, and 0.2 becomes 0.20000000298.
    return array[()] if array.dtype.kind == "f" else array.tolist()


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
