"""XGBoost and LightGBM: by onnxmltools, from the files that both write for their models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from formats import Found

from .converted import Array, ConversionError, Converted, Row, first_line

OPSET = 15
"""The newest that onnxmltools writes."""


def convert(found: Found, _: Sequence[Row] | None, target: Path) -> Converted:
    """Convert a booster; its one input is `x`, its features in the order of the training."""
    read = {"LightGBM": _lightgbm, "XGBoost": _xgboost}[found.format.name]
    try:
        model, predict = read(found.path)
    except ConversionError:
        raise
    except Exception as error:  # as different as the libraries
        raise ConversionError(f"cannot be converted: {first_line(error)}") from error
    target.write_bytes(model.SerializeToString())
    names = [output.name for output in model.graph.output]

    def original(tensors: Mapping[str, Array]) -> dict[str, Array]:
        answer = np.asarray(predict(tensors["x"]))
        if len(names) == 1:
            return {names[0]: answer}
        if answer.ndim == 1:  # of two classes the second
            answer = np.column_stack([1 - answer, answer])
        return dict(zip(names, (answer.argmax(axis=1), answer), strict=True))

    return Converted(target, original)


def _lightgbm(path: Path) -> tuple[Any, Any]:
    booster = lightgbm.Booster(model_file=path)
    types = [("x", FloatTensorType([None, booster.num_feature()]))]
    model = onnxmltools.convert_lightgbm(
        booster, initial_types=types, zipmap=False, target_opset=OPSET
    )
    return model, booster.predict


def _xgboost(path: Path) -> tuple[Any, Any]:
    booster = xgboost.Booster(model_file=path)
    booster.feature_names = None  # onnxmltools takes numbered ones only
    booster.feature_types = None
    learner = json.loads(booster.save_config())["learner"]
    if learner["gradient_booster"]["name"] == "gblinear":
        raise ConversionError(
            "is a linear booster (gblinear), and only trees are converted: take booster='gbtree', "
            "or a linear model of scikit-learn's"
        )
    rounds = booster.num_boosted_rounds()
    if (best := booster.attr("best_iteration")) is not None and int(best) + 1 < rounds:
        print(f"taking the first {int(best) + 1} of {rounds} rounds: there training stopped early")
        booster = booster[: int(best) + 1]
    if learner["objective"]["name"] == "multi:softmax":
        booster.set_param("objective", "multi:softprob")  # or the original tells classes alone
    types = [("x", FloatTensorType([None, booster.num_features()]))]
    model = onnxmltools.convert_xgboost(booster, initial_types=types, target_opset=OPSET)
    return model, lambda x: booster.predict(xgboost.DMatrix(x))
