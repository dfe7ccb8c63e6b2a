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

from .converted import Array, ConversionError, Converted, Row

OPSET = 15
"""The newest that onnxmltools writes."""


def convert(path: Path, _: Sequence[Row] | None, target: Path) -> Converted:
    """Convert a booster; its one input is `x`, its features in the order of the training."""
    try:
        if path.suffix == ".txt":
            model, predict = _lightgbm(path)
        else:
            model, predict = _xgboost(path)
    except Exception as error:  # as different as the libraries
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConversionError(f"cannot be converted: {reason[:300]}") from error
    target.write_bytes(model.SerializeToString())
    name = model.graph.output[-1].name

    def original(tensors: Mapping[str, Array]) -> dict[str, Array]:
        answer = np.asarray(predict(tensors["x"]))
        if answer.ndim == 1 and len(model.graph.output) > 1:  # of two classes the second
            answer = np.column_stack([1 - answer, answer])
        return {name: answer}

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
    if json.loads(booster.save_config())["learner"]["objective"]["name"] == "multi:softmax":
        booster.set_param("objective", "multi:softprob")  # or the original tells classes alone
    types = [("x", FloatTensorType([None, booster.num_features()]))]
    model = onnxmltools.convert_xgboost(booster, initial_types=types, target_opset=OPSET)
    return model, lambda x: booster.predict(xgboost.DMatrix(x))
