"""TensorFlow Serving's predict request, from body to answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from .catalogue import SIGNATURE
from .errors import RequestError, quoted
from .models import ServedModel
from .tensors import Array, TensorSpec, array_from_json


def predict(model: ServedModel, body: bytes | bytearray) -> bytes:
    """Answer a predict request, or raise RequestError.

    Row form (`instances`) is answered with `predictions`, column form (`inputs`) with `outputs`. A
    name is left out where there is only one output, as TensorFlow Serving does.
    """
    request = _parse(body)
    if "instances" in request:
        tensors = _tensors_from_rows(request["instances"], model.inputs)
        batch = len(request["instances"])
        outputs = _checked(model.run(tensors))
        return _to_json({"predictions": _rows(outputs, batch)})
    tensors = _tensors_from_columns(request["inputs"], model.inputs)
    columns = {name: _plain(array) for name, array in _checked(model.run(tensors)).items()}
    return _to_json({"outputs": next(iter(columns.values())) if len(columns) == 1 else columns})


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


def _rows(outputs: dict[str, Array], batch: int) -> Any:
    for name, array in outputs.items():
        if array.shape[:1] != (batch,):
            raise RequestError(
                400,
                f"Output '{name}' has no row per instance; ask in column form ('inputs') instead.",
            )
    if len(outputs) == 1:
        return _plain(next(iter(outputs.values())))
    return [{name: _plain(array[row]) for name, array in outputs.items()} for row in range(batch)]


def _plain(value: Any) -> Any:
    """What orjson can write: it knows neither arrays of text or of no dimension, nor `longlong`."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return value.tolist()
    if isinstance(value, np.integer):
        return value.item()
    return value  # not .tolist() for all: that widens float32, and 0.2 becomes 0.20000000298


def _to_json(answer: dict[str, Any]) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
