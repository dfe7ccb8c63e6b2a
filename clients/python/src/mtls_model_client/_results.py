"""What the model answers, typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from mtls_model_client._errors import UnexpectedAnswerError

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class VersionStatus:
    """How a version of the model is."""

    version: str
    state: str
    """`AVAILABLE`, when it can be asked."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output of the model."""

    dtype: str
    """As TensorFlow Serving names it, `DT_FLOAT`."""
    shape: tuple[int, ...] | None
    """-1: any size; the first is the number of instances. None: any shape."""


@dataclass(frozen=True)
class Metadata:
    """A version of the model: what goes in, and what comes out."""

    name: str
    version: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def _understood(parse: Callable[[Any], _Result]) -> Callable[[Any], _Result]:
    """An answer of another form is an error of this package's own kind."""

    @wraps(parse)
    def checked(answer: Any) -> _Result:
        try:
            return parse(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswerError(
                f"The answer is not what TensorFlow Serving's REST API says: {error!r}."
            ) from error

    return checked


@_understood
def predictions(answer: Any) -> list[Any]:
    return list(answer["predictions"])


@_understood
def versions(answer: Any) -> list[VersionStatus]:
    return [VersionStatus(v["version"], v["state"]) for v in answer["model_version_status"]]


@_understood
def metadata(answer: Any) -> Metadata:
    model = answer["model_spec"]
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    return Metadata(
        name=model["name"],
        version=model["version"],
        inputs={name: _tensor(told) for name, told in signature["inputs"].items()},
        outputs={name: _tensor(told) for name, told in signature["outputs"].items()},
    )


def _tensor(told: Any) -> Tensor:
    shape = told["tensor_shape"]
    if shape["unknown_rank"]:
        return Tensor(told["dtype"], None)
    return Tensor(told["dtype"], tuple(int(size["size"]) for size in shape["dim"]))
