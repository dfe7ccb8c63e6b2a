"""TensorFlow Serving's predict request, from body to answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from .catalogue import SIGNATURE
from .errors import RequestError, quoted
from .models import ServedModel
from .tensors import Array, TensorSpec, array_from_json

_AT_ONCE = 4096
"""Values that are made into JSON at once: as Python's objects they take many times their bytes."""


def predict(model: ServedModel, body: bytes | bytearray) -> bytearray:
    """Answer a predict request, or raise RequestError.

    Row form (`instances`) is answered with `predictions`, column form (`inputs`) with `outputs`. A
    name is left out where there is only one output, as TensorFlow Serving does.
    """
    tensors, batch = _tensors(_parse(body), model.inputs)
    # Nothing holds what the body was parsed to any more: the answer gets its memory.
    outputs = _checked(model.run(tensors))
    if batch is None:
        return _written("outputs", _columns(outputs))
    return _written("predictions", _rows(outputs, batch))


def _parse(body: bytes | bytearray) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            400, f"The body is not {_unlike(body) or f'valid JSON: {error}'}."
        ) from None
    if not isinstance(request, dict):
        raise RequestError(400, "The body must be a JSON object with 'instances' or 'inputs'.")
    if ("instances" in request) == ("inputs" in request):
        raise RequestError(
            400, "Give either 'instances' (rows) or 'inputs' (columns), and only one."
        )
    signature = request.get("signature_name", SIGNATURE)
    if not isinstance(signature, str):
        raise RequestError(400, "'signature_name' must be a string.")
    if signature not in ("", SIGNATURE):
        raise RequestError(
            400, f"There is no signature {quoted(signature)}; the only one is '{SIGNATURE}'."
        )
    return request


def _unlike(body: bytes | bytearray) -> str | None:
    """What is told instead of where JSON ends, if it never began."""
    if body.startswith(b"\x1f\x8b"):
        return "JSON but gzip; send the header Content-Encoding: gzip with it"
    try:
        if "\0" not in body.decode():
            return None
    except UnicodeDecodeError as error:
        return f"UTF-8, which JSON is written in: {error.reason} at byte {error.start}"
    return "JSON in UTF-8 but holds bytes of zero, as UTF-16 does; send it as UTF-8"


def _tensors(
    request: dict[str, Any], specs: Mapping[str, TensorSpec]
) -> tuple[dict[str, Array], int | None]:
    """The inputs and, in row form, how many rows they have."""
    if "instances" in request:
        return _tensors_from_rows(request["instances"], specs), len(request["instances"])
    return _tensors_from_columns(request["inputs"], specs), None


def _tensors_from_rows(rows: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, "'instances' must be a list with at least one instance.")
    if not isinstance(rows[0], dict):
        spec = _only_input(specs, "each instance must be an object")
        return {spec.name: array_from_json(rows, spec)}
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != specs.keys():
            raise RequestError(
                400, f"Instance {number} must be an object with the keys {_names(specs)}."
            )
    return {name: array_from_json([row[name] for row in rows], specs[name]) for name in specs}


def _tensors_from_columns(columns: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    if not isinstance(columns, dict):
        spec = _only_input(specs, "'inputs' must be an object")
        return {spec.name: array_from_json(columns, spec)}
    if columns.keys() != specs.keys():
        raise RequestError(400, f"'inputs' must be an object with the keys {_names(specs)}.")
    return {name: array_from_json(columns[name], spec) for name, spec in specs.items()}


def _only_input(specs: Mapping[str, TensorSpec], otherwise: str) -> TensorSpec:
    if len(specs) != 1:
        raise RequestError(
            400, f"The model has {len(specs)} inputs: {otherwise} with {_names(specs)}."
        )
    return next(iter(specs.values()))


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"'{name}'" for name in specs)


def _checked(outputs: dict[str, Array]) -> dict[str, Array]:
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RequestError(
                400,
                f"Output '{name}' is not a finite number for these inputs, and JSON has no way to "
                "write NaN or infinity.",
            )
    return outputs


def _written(key: str, pieces: Iterable[bytes | memoryview]) -> bytearray:
    answer = bytearray(b'{"%b":' % key.encode())
    for piece in pieces:
        answer += piece
    answer += b"}"
    return answer


def _columns(outputs: dict[str, Array]) -> Iterator[bytes | memoryview]:
    if len(outputs) == 1:
        yield from _array(*outputs.values())
        return
    begin = b"{"
    for name, array in outputs.items():
        yield begin + orjson.dumps(name) + b":"
        yield from _array(array)
        begin = b","
    yield b"}"


def _rows(outputs: dict[str, Array], batch: int) -> Iterator[bytes | memoryview]:
    for name, array in outputs.items():
        if array.shape[:1] != (batch,):
            raise RequestError(
                400,
                f"Output '{name}' has no row per instance; ask in column form ('inputs') instead.",
            )
    if len(outputs) == 1:
        yield from _array(*outputs.values())
        return

    def objects(part: slice) -> list[dict[str, Any]]:
        columns = [_plain(array[part]) for array in outputs.values()]
        return [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]

    yield from _list(batch, sum(array[:1].size for array in outputs.values()), objects)


def _array(array: Array) -> Iterator[bytes | memoryview]:
    if array.ndim == 0:
        yield _json(_plain(array))
    else:
        size = array[:1].size
        yield from _list(len(array), size, lambda part: _plain(array[part]))


def _list(
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


def _plain(array: Array) -> Any:
    """What orjson can write: it knows neither arrays of text or of no dimension, nor `longlong`."""
    # Not .tolist() for all: that widens float32, and 0.2 becomes 0.20000000298.
    return array[()] if array.dtype.kind == "f" else array.tolist()


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
