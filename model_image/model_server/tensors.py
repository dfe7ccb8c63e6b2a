"""From nested JSON lists to NumPy arrays, checked against what the model's graph declares."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from .errors import RequestError

Array = np.ndarray[Any, np.dtype[Any]]

# ONNX Runtime's name -> (TensorFlow's name, NumPy type). Types outside it cannot come from JSON.
_TYPES: dict[str, tuple[str, type[Any]]] = {
    "tensor(float16)": ("DT_HALF", np.float16),
    "tensor(float)": ("DT_FLOAT", np.float32),
    "tensor(double)": ("DT_DOUBLE", np.float64),
    "tensor(int8)": ("DT_INT8", np.int8),
    "tensor(int16)": ("DT_INT16", np.int16),
    "tensor(int32)": ("DT_INT32", np.int32),
    "tensor(int64)": ("DT_INT64", np.int64),
    "tensor(uint8)": ("DT_UINT8", np.uint8),
    "tensor(uint16)": ("DT_UINT16", np.uint16),
    "tensor(uint32)": ("DT_UINT32", np.uint32),
    "tensor(uint64)": ("DT_UINT64", np.uint64),
    "tensor(bool)": ("DT_BOOL", np.bool_),
    "tensor(string)": ("DT_STRING", np.object_),
}
_LEAVES: dict[str, tuple[set[type], str]] = {
    "f": ({int, float}, "numbers"),
    "i": ({int}, "whole numbers"),
    "u": ({int}, "whole numbers"),
    "b": ({bool}, "true or false"),
    "O": ({str}, "strings"),
}
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
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    """None: the graph does not say."""

    @classmethod
    def from_graph(
        cls, name: str, onnx_type: str, shape: list[int | str | None] | None
    ) -> "TensorSpec":
        """Raise KeyError for a type that JSON cannot carry, such as a sequence of maps."""
        tensorflow_type, numpy_type = _TYPES[onnx_type]
        # A free dimension comes as its name ("batch") or as None.
        sizes = None if shape is None else tuple(d if isinstance(d, int) else None for d in shape)
        return cls(name, tensorflow_type, np.dtype(numpy_type), sizes)

    def accepts(self, shape: tuple[int, ...]) -> bool:
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            want in (None, got) for want, got in zip(self.shape, shape, strict=True)
        )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`[any, 1]`: as a reader of an error message understands it."""
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def array_from_json(values: Any, spec: TensorSpec) -> Array:
    """Check type, rank, sizes and range of nested lists; raise RequestError (400) if one is wrong.

    Works level by level rather than by recursion or by NumPy's guessing: nesting cannot exhaust
    the stack, and `[true, "1"]` does not become numbers.
    """
    label = f"Input '{spec.name}'"
    shape: list[int] = []
    leaves: list[Any] = [values]
    while leaves and isinstance(leaves[0], list):
        if set(map(type, leaves)) != {list} or len(set(map(len, leaves))) > 1:
            raise RequestError(400, f"{label} is ragged: lists at the same depth differ in length.")
        shape.append(len(leaves[0]))
        leaves = list(chain.from_iterable(leaves))
    if not leaves:
        raise RequestError(400, f"{label} holds no values; give at least one.")

    found = set(map(type, leaves))
    if list in found:
        raise RequestError(400, f"{label} is ragged: it mixes lists and values at the same depth.")
    allowed, wording = _LEAVES[spec.dtype.kind]
    if not found <= allowed:
        if float in found and spec.dtype.kind in "iu" and _beyond(leaves, spec):
            raise _out_of_range(spec)
        wrong = min(_JSON_NAMES[kind] for kind in found - allowed)
        raise RequestError(400, f"{label} takes {wording} ({spec.tensorflow_type}), not {wrong}.")
    if not spec.accepts(tuple(shape)):
        raise RequestError(
            400,
            f"{label} has the shape {shape_text(spec.shape or ())}, "
            f"but the values given have the shape {shape_text(tuple(shape))}.",
        )
    return _fit(leaves, spec).reshape(shape)


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
