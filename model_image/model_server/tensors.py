"""From JSON lists and bytes to NumPy arrays, checked against what the model's graph declares."""

import base64
import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from .errors import RequestError

Array = np.ndarray[Any, np.dtype[Any]]

# ONNX Runtime's name -> (TensorFlow's, the Open Inference Protocol's, NumPy's). Types outside it
# cannot come from JSON.
_TYPES: dict[str, tuple[str, str, type[Any]]] = {
    "tensor(float16)": ("DT_HALF", "FP16", np.float16),
    "tensor(float)": ("DT_FLOAT", "FP32", np.float32),
    "tensor(double)": ("DT_DOUBLE", "FP64", np.float64),
    "tensor(int8)": ("DT_INT8", "INT8", np.int8),
    "tensor(int16)": ("DT_INT16", "INT16", np.int16),
    "tensor(int32)": ("DT_INT32", "INT32", np.int32),
    "tensor(int64)": ("DT_INT64", "INT64", np.int64),
    "tensor(uint8)": ("DT_UINT8", "UINT8", np.uint8),
    "tensor(uint16)": ("DT_UINT16", "UINT16", np.uint16),
    "tensor(uint32)": ("DT_UINT32", "UINT32", np.uint32),
    "tensor(uint64)": ("DT_UINT64", "UINT64", np.uint64),
    "tensor(bool)": ("DT_BOOL", "BOOL", np.bool_),
    "tensor(string)": ("DT_STRING", "BYTES", np.object_),
}
_LEAVES: dict[str, tuple[set[type], str]] = {
    "f": ({int, float}, "numbers"),
    "i": ({int}, "whole numbers"),
    "u": ({int}, "whole numbers"),
    "b": ({bool}, "true or false"),
    "O": ({str}, "strings"),
}
MOST_DIMENSIONS = 64
"""NumPy has no more."""
_SHOWN = 8
"""Dimensions of a shape in a sentence."""
_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a decimal number",
    str: "a string",
    dict: "an object",
    list: "a list",
}


def is_served(onnx_type: str) -> bool:
    """Whether JSON can carry it."""
    return onnx_type in _TYPES


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a graph. A dimension is a size, or None where any size will do."""

    name: str
    tensorflow_type: str
    datatype: str
    """As the Open Inference Protocol has it."""
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    """None: the graph does not say."""

    @classmethod
    def from_graph(
        cls, name: str, onnx_type: str, shape: list[int | str | None] | None
    ) -> "TensorSpec":
        """Raise KeyError for a type that JSON cannot carry, such as a sequence of maps."""
        tensorflow_type, datatype, numpy_type = _TYPES[onnx_type]
        # A free dimension comes as its name ("batch") or as None.
        sizes = None if shape is None else tuple(d if isinstance(d, int) else None for d in shape)
        return cls(name, tensorflow_type, datatype, np.dtype(numpy_type), sizes)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise RequestError (400) if an array of this shape does not fit."""
        if self.shape is None or (
            len(shape) == len(self.shape)
            and all(want in (None, got) for want, got in zip(self.shape, shape, strict=True))
        ):
            return
        raise RequestError(
            400,
            f"Input '{self.name}' has the shape {shape_text(self.shape)}, "
            f"but the values given have the shape {shape_text(shape)}.",
        )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`[any, 1]`: as a reader of an error message understands it."""
    sizes = ["any" if size is None else str(size) for size in shape[:_SHOWN]]
    return "[" + ", ".join(sizes + ["..."] * (len(shape) > _SHOWN)) + "]"


def array_from_json(values: Any, spec: TensorSpec, said: tuple[int, ...] | None = None) -> Array:
    """Check type, rank, sizes and range of nested lists; raise RequestError (400) if one is wrong.

    Where the request says a shape that fits, it may also be one flat list.

    Works level by level rather than by recursion or by NumPy's guessing: nesting cannot exhaust
    the stack, and `[true, "1"]` does not become numbers.
    """
    label = f"Input '{spec.name}'"
    shape: list[int] = []
    leaves: list[Any] = [values]
    expected = spec.shape if said is None else said
    deepest = MOST_DIMENSIONS if expected is None else len(expected) + 1
    while leaves and isinstance(leaves[0], list):
        if len(shape) == deepest:
            # To walk it to its end takes longer than all else, and would tell nothing new.
            fits = f"at most {deepest} dimensions"
            if expected is not None:
                fits = f"the shape {shape_text(expected)}"
            raise RequestError(400, f"{label} has {fits}, but the values given are nested deeper.")
        if set(map(type, leaves)) != {list} or len(set(map(len, leaves))) > 1:
            raise RequestError(400, f"{label} is ragged: lists at the same depth differ in length.")
        shape.append(len(leaves[0]))
        leaves = list(chain.from_iterable(leaves))
    if not leaves:
        raise RequestError(400, f"{label} holds no values; give at least one.")

    found = set(map(type, leaves))
    if list in found:
        raise RequestError(400, f"{label} is ragged: it mixes lists and values at the same depth.")
    if dict in found and spec.dtype.kind == "O":
        leaves = [_text(leaf, label) if is_base64(leaf) else leaf for leaf in leaves]
        found = set(map(type, leaves))
    allowed, wording = _LEAVES[spec.dtype.kind]
    if not found <= allowed:
        if float in found and spec.dtype.kind in "iu" and _beyond(leaves, spec):
            raise _out_of_range(spec)
        wrong = min(_JSON_NAMES[kind] for kind in found - allowed)
        raise RequestError(400, f"{label} takes {wording} ({spec.tensorflow_type}), not {wrong}.")
    if said is None:
        spec.check(tuple(shape))
    elif tuple(shape) not in (said, (math.prod(said),)):
        raise RequestError(
            400,
            f"{label} is said to have the shape {shape_text(said)}, "
            f"but its data have the shape {shape_text(tuple(shape))}.",
        )
    return _fit(leaves, spec).reshape(shape if said is None else said)


def array_from_bytes(values: memoryview, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """An array of a shape that fits, from its elements in row-major order, little-endian.

    Of text each is its length in four bytes, and UTF-8. Raises RequestError (400).
    """
    if spec.dtype.kind == "O":
        return np.array(_texts(values, spec, shape), dtype=object).reshape(shape)
    dtype = spec.dtype.newbyteorder("<")
    size = math.prod(shape) * dtype.itemsize
    if len(values) != size:
        raise RequestError(
            400,
            f"Input '{spec.name}' is said to be {spec.datatype} of the shape {shape_text(shape)}, "
            f"which are {size} bytes, and not {len(values)}.",
        )
    if spec.dtype.kind == "b":
        return np.frombuffer(values, np.uint8).astype(np.bool_).reshape(shape)
    # A copy: where JSON is before it, it stands where no such number may.
    return np.frombuffer(values, dtype).astype(spec.dtype).reshape(shape)


def _texts(values: memoryview, spec: TensorSpec, shape: tuple[int, ...]) -> list[str]:
    texts: list[str] = []
    at, count = 0, math.prod(shape)
    wrong = RequestError(
        400,
        f"Input '{spec.name}' is not text of the shape {shape_text(shape)} in binary form: each is "
        "its length in four bytes, and so many bytes.",
    )
    while at < len(values):
        length = int.from_bytes(values[at : at + 4], "little")
        at += 4 + length
        if at > len(values) or len(texts) == count:
            raise wrong
        try:
            texts.append(str(values[at - length : at], "utf-8"))
        except UnicodeDecodeError as error:
            raise RequestError(
                400, f"Input '{spec.name}' holds text that is not UTF-8: {error.reason}."
            ) from None
    if len(texts) < count:
        raise wrong
    return texts


def array_to_bytes(array: Array) -> bytes | bytearray:
    """The inverse of `array_from_bytes`."""
    if array.dtype.kind != "O":
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    data = bytearray()
    for text in array.flat:  # one at a time: all of them encoded take many times their bytes
        encoded = text.encode()
        data += len(encoded).to_bytes(4, "little")
        data += encoded
    return data


def is_base64(value: Any) -> bool:
    """Whether this is TensorFlow Serving's way to write bytes: `{"b64": "..."}`."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _text(value: dict[str, str], label: str) -> str:
    try:
        return base64.b64decode(value["b64"], validate=True).decode()
    except ValueError as error:  # also where it is no UTF-8, which all text in ONNX is
        raise RequestError(400, f"{label} holds b64 that is no text: {error}.") from None


def _beyond(leaves: list[Any], spec: TensorSpec) -> bool:
    """Whether a number is too large for the type: orjson makes a float of what no integer holds."""
    bounds = np.iinfo(spec.dtype)
    return any(
        isinstance(leaf, float) and not bounds.min <= leaf <= int(bounds.max) for leaf in leaves
    )


def _fit(leaves: list[Any], spec: TensorSpec) -> Array:
    try:
        if spec.dtype.kind != "f":
            return np.array(leaves, dtype=spec.dtype)
        with np.errstate(over="ignore"):
            # Rounded before it is compared: written short, the largest number looks larger.
            array = np.array(leaves, dtype=np.float64).astype(spec.dtype)
        if np.isfinite(array).all():
            return array
    except OverflowError:
        pass
    raise _out_of_range(spec)


def _out_of_range(spec: TensorSpec) -> RequestError:
    return RequestError(
        400, f"Input '{spec.name}' holds a number outside the range of {spec.tensorflow_type}."
    )
