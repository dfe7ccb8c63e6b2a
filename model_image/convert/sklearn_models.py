"""scikit-learn: by skl2onnx, from a file of skops or, where that is trusted, a pickle."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import check_is_fitted

from formats import SAMPLES, Found

from .converted import Array, ConversionError, Converted, Row, first_line

_KNOWN = {"numpy.dtype"}
_SCORES = ("sklearn.feature_selection.", "sklearn.metrics.")
_PAIR = 2
OPSETS = {"": 21, "ai.onnx.ml": 3}


def convert(found: Found, rows: Sequence[Row] | None, target: Path) -> Converted:
    """Convert a fitted estimator or pipeline.

    Rows that are objects make one input of each of their columns; else there is one input `x`.
    """
    estimator = _loaded(found)
    if not hasattr(estimator, "fit"):
        raise ConversionError(f"holds a {type(estimator).__name__} and no estimator")
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise ConversionError("is not fitted: call fit() before it is saved") from None
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if (
        isinstance(last, SVC | NuSVC)
        and len(last.classes_) == _PAIR
        and not hasattr(last, "predict_proba")
    ):
        raise ConversionError(
            "is an SVC of two classes, whose scores the converter turns round: fit it in a "
            "CalibratedClassifierCV, which gives probabilities"
        )
    columns = list(rows[0]) if rows and isinstance(rows[0], dict) else None
    model = _converted(estimator, _types(estimator, rows))
    for output in [one for one in model.graph.output if not one.type.HasField("tensor_type")]:
        print(f"leaving out the output {output.name}: only tensors are served")
        model.graph.output.remove(output)
    target.write_bytes(model.SerializeToString())
    names = [output.name for output in model.graph.output]

    def original(tensors: Mapping[str, Array]) -> dict[str, Array | Sequence[Array]]:
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
                    f"cannot be converted: {first_line(error)}; what can be is on "
                    "https://onnx.ai/sklearn-onnx/supported.html"
                ) from error
    return None


def _loaded(found: Found) -> Any:
    try:
        if found.format.runs_code:
            return joblib.load(found.path)
        unknown = skops.io.get_untrusted_types(file=found.path)
        foreign = [name for name in unknown if name not in _KNOWN and not _is_harmless(name)]
        if foreign:
            raise ConversionError(
                f"holds {', '.join(foreign)}, which can be anything: leave it out"
            )
        return skops.io.load(found.path, trusted=unknown)
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(f"cannot be loaded: {first_line(error)}") from error


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
    known = list(getattr(estimator, "feature_names_in_", ()))
    if rows and isinstance(rows[0], dict):
        if not rows[0] or (known and set(known) != set(rows[0])):
            raise ConversionError(
                f"does not take the rows of {SAMPLES}: they have the columns "
                f"{', '.join(rows[0]) or '(none)'}, and it takes {', '.join(known) or 'some'}"
            )
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
        raise ConversionError(
            f"does not take the rows of {SAMPLES}: {value!r} is no number and no text"
        )
    return kinds[type(value)]


def _answers(estimator: Any, x: Any) -> list[Array | Sequence[Array]]:
    """In the order of ONNX's outputs."""
    if not hasattr(estimator, "predict"):
        return [_dense(estimator.transform(x))]
    answers: list[Array | Sequence[Array]] = [np.asarray(estimator.predict(x))]
    for method in ("predict_proba", "decision_function", "transform"):
        if hasattr(estimator, method):
            scores = getattr(estimator, method)(x)
            if isinstance(scores, list):  # one for each output, which ONNX is served without
                return answers
            scores = _dense(scores)
            # Of two classes some converters give both a score.
            return [*answers, (scores, np.column_stack([-scores, scores]))]
    return answers


def _dense(values: Any) -> Array:
    return np.asarray(values.toarray() if scipy.sparse.issparse(values) else values)
