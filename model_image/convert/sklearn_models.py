"""scikit-learn: by skl2onnx, from a file of skops or, where that is trusted, a pickle."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .converted import Array, ConversionError, Converted, Row

_KNOWN = {"numpy.dtype"}
_SCORES = ("sklearn.feature_selection.", "sklearn.metrics.")
OPSETS = {"": 21, "ai.onnx.ml": 3}


def convert(path: Path, rows: Sequence[Row] | None, target: Path) -> Converted:
    """Convert a fitted estimator or pipeline.

    Rows that are objects make one input of each of their columns; else there is one input `x`.
    """
    estimator = _loaded(path)
    if not hasattr(estimator, "fit"):
        raise ConversionError(f"holds a {type(estimator).__name__} and no estimator")
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise ConversionError("is not fitted: call fit() before it is saved") from None
    columns = list(rows[0]) if rows and isinstance(rows[0], dict) else None
    model = _converted(estimator, _types(estimator, rows))
    for output in [one for one in model.graph.output if not one.type.HasField("tensor_type")]:
        print(f"leaving out the output {output.name}: only tensors are served")
        model.graph.output.remove(output)
    target.write_bytes(model.SerializeToString())
    names = [output.name for output in model.graph.output]

    def original(tensors: Mapping[str, Array]) -> dict[str, Array]:
        x: Any = tensors.get("x")
        if columns:
            x = pd.DataFrame({name: tensors[name].reshape(-1) for name in columns})
        elif x.dtype.kind == "O":
            x = x.reshape(-1)
        else:
            x = x.astype(float)  # some take nothing else than what they were fitted with
        return dict(zip(names, _answers(estimator, x), strict=False))

    return Converted(target, original)


def _converted(estimator: Any, types: list[tuple[str, Any]]) -> Any:
    # Lists of maps from class to probability otherwise; some classifiers know no such option.
    several: list[Any] = [{id(estimator): {"zipmap": False}}] if is_classifier(estimator) else []
    for options in (*several, None):
        try:
            return to_onnx(estimator, initial_types=types, options=options, target_opset=OPSETS)
        except Exception as error:  # skl2onnx raises what it likes
            if options is None or "Option 'zipmap' not in" not in str(error):
                raise ConversionError(
                    f"cannot be converted: {_first_line(error).rstrip('.')}; what can be is on "
                    "https://onnx.ai/sklearn-onnx/supported.html"
                ) from error
    return None


def _loaded(path: Path) -> Any:
    try:
        if path.suffix != ".skops":
            return joblib.load(path)
        unknown = skops.io.get_untrusted_types(file=path)
        foreign = [name for name in unknown if name not in _KNOWN and not _is_harmless(name)]
        if foreign:
            raise ConversionError(
                f"holds {', '.join(foreign)}, which can be anything: leave it out"
            )
        return skops.io.load(path, trusted=unknown)
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(f"cannot be loaded: {_first_line(error)}") from error


def _is_harmless(name: str) -> bool:
    """Of what skops does not know: a class of scikit-learn's, or a function of its that scores."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    found = getattr(importlib.import_module(module), attribute, None)
    if inspect.isfunction(found):
        return found.__module__.startswith(_SCORES)
    return inspect.isclass(found) and found.__module__.startswith("sklearn.")


def _types(estimator: Any, rows: Sequence[Row] | None) -> list[tuple[str, Any]]:
    if rows and isinstance(rows[0], dict):
        return [(name, _type_of(value)([None, 1])) for name, value in rows[0].items()]
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    if hasattr(first, "vocabulary_") or (rows and isinstance(rows[0], str)):
        return [("x", StringTensorType([None]))]
    if not hasattr(estimator, "n_features_in_"):
        raise ConversionError("does not say what it takes; put samples beside it")
    if hasattr(estimator, "transformers") or hasattr(first, "transformers"):
        raise ConversionError(
            "takes columns by name; put samples with an object for each row beside it"
        )
    return [("x", FloatTensorType([None, estimator.n_features_in_]))]


def _type_of(value: object) -> type[Any]:
    kinds: dict[type, type[Any]] = {
        str: StringTensorType,
        int: Int64TensorType,
        float: FloatTensorType,
    }
    if type(value) not in kinds:
        raise ConversionError(f"has a sample with {value!r}; a value is a number or a text")
    return kinds[type(value)]


def _answers(estimator: Any, x: Any) -> list[Array]:
    """In the order of ONNX's outputs."""
    if not hasattr(estimator, "predict"):
        return [np.asarray(estimator.transform(x))]
    answers = [np.asarray(estimator.predict(x))]
    if is_classifier(estimator) and hasattr(estimator, "predict_proba"):
        scores = estimator.predict_proba(x)
        if not isinstance(scores, list):  # one for each output, which ONNX is served without
            answers.append(np.asarray(scores))
    return answers


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
