"""TensorFlow Serving's predict request, from body to answer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from .catalogue import SIGNATURE
from .errors import RequestError, quoted
from .json_text import array_pieces, finite, list_pieces, loads, plain
from .models import ServedModel
from .tensors import Array, TensorSpec, array_from_json, is_base64


def predict(model: ServedModel, body: bytes | bytearray) -> bytearray:
    """Answer a predict request, or raise RequestError.

    Row form (`instances`) is answered with `predictions`, column form (`inputs`) with `outputs`. A
    name is left out where there is only one output, as TensorFlow Serving does.
    """
    tensors, batch = _tensors(_parse(body), model.inputs)
    # Nothing holds what the body was parsed to any more: the answer gets its memory.
    outputs = finite(model.run(tensors))
    if batch is None:
        return _written("outputs", _columns(outputs))
    return _written("predictions", _rows(outputs, batch))


def _parse(body: bytes | bytearray) -> dict[str, Any]:
    request = loads(body)
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
    if _is_unnamed(rows[0], specs):
        spec = _only_input(specs, "each instance must be an object")
        return {spec.name: array_from_json(rows, spec)}
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != specs.keys():
            raise RequestError(
                400, f"Instance {number} must be an object with the keys {_names(specs)}."
            )
    return {name: array_from_json([row[name] for row in rows], specs[name]) for name in specs}


def _tensors_from_columns(columns: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    if _is_unnamed(columns, specs):
        spec = _only_input(specs, "'inputs' must be an object")
        return {spec.name: array_from_json(columns, spec)}
    if columns.keys() != specs.keys():
        raise RequestError(400, f"'inputs' must be an object with the keys {_names(specs)}.")
    return {name: array_from_json(columns[name], spec) for name, spec in specs.items()}


def _is_unnamed(value: Any, specs: Mapping[str, TensorSpec]) -> bool:
    return not isinstance(value, dict) or (is_base64(value) and "b64" not in specs)


def _only_input(specs: Mapping[str, TensorSpec], otherwise: str) -> TensorSpec:
    if len(specs) != 1:
        raise RequestError(
            400, f"The model has {len(specs)} inputs: {otherwise} with {_names(specs)}."
        )
    return next(iter(specs.values()))


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"'{name}'" for name in specs)


def _written(key: str, pieces: Iterable[bytes | memoryview]) -> bytearray:
    answer = bytearray(b'{"%b":' % key.encode())
    for piece in pieces:
        answer += piece
    answer += b"}"
    return answer


def _columns(outputs: dict[str, Array]) -> Iterator[bytes | memoryview]:
    if len(outputs) == 1:
        yield from array_pieces(*outputs.values())
        return
    begin = b"{"
    for name, array in outputs.items():
        yield begin + orjson.dumps(name) + b":"
        yield from array_pieces(array)
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
        yield from array_pieces(*outputs.values())
        return

    def objects(part: slice) -> list[dict[str, Any]]:
        columns = [plain(array[part]) for array in outputs.values()]
        return [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]

    yield from list_pieces(batch, sum(array[:1].size for array in outputs.values()), objects)
