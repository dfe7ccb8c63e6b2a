"""Fit f(x) = 2x - 1 from examples and write it as `<directory>/1/model.onnx`.

Replace this file with your own training; build.sh runs it as `train.py <directory>` with the
packages of the `train` dependency group, and wants at least one `<version>/model.onnx` from it.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

VERSION = 1
OPSET = 21
IR_VERSION = 10  # the one that belongs to opset 21; newer ones need a newer ONNX Runtime


def fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept by least squares, in float64."""
    (slope, intercept), *_ = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y)
    return float(slope), float(intercept)


def to_onnx(slope: float, intercept: float) -> onnx.ModelProto:
    """y = x * slope + intercept on a batch of single numbers, in float32."""
    graph = helper.make_graph(
        nodes=[
            helper.make_node("MatMul", ["x", "slope"], ["product"]),
            helper.make_node("Add", ["product", "intercept"], ["y"]),
        ],
        name="line",
        inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1])],
        outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        initializer=[
            numpy_helper.from_array(np.array([[slope]], dtype=np.float32), "slope"),
            numpy_helper.from_array(np.array([intercept], dtype=np.float32), "intercept"),
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main(directory: Path) -> None:
    x = np.linspace(-10, 10, 201)
    model = to_onnx(*fit(x, 2 * x - 1))

    given = np.array([[10.0], [9.0]], dtype=np.float32)
    (predicted,) = ReferenceEvaluator(model).run(None, {"x": given})
    if not np.allclose(np.asarray(predicted), [[19.0], [17.0]], atol=1e-4):
        sys.exit(f"train.py: the model predicts {predicted} for {given}")

    path = directory / str(VERSION) / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
