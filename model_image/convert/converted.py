"""What a converter returns, and what ends a conversion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Row = Any
"""An instance as in a request: a value, a list, or an object with a value for each input."""


class ConversionError(Exception):
    """Its text is the one sentence that a build ends with, without the path before it."""


@dataclass(frozen=True)
class Converted:
    """A model as ONNX, and as it was."""

    path: Path
    """The ONNX file."""
    original: Callable[[Mapping[str, Array]], Mapping[str, Array | Sequence[Array]]]
    """Answers of the original, by the names of ONNX's outputs, for inputs by the names of ONNX's;
    or several, for an output whose shape is not known before: that one of the same size."""


def first_line(error: Exception) -> str:
    """What a library's exception says, for the end of a sentence."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300].rstrip(".")
