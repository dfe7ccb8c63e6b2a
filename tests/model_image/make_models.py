"""Models the demo is not: run in the `train` environment, `make_models.py <directory>`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import onnx  # type: ignore[import-not-found]  # it is in the image's environments only
from onnx import TensorProto, helper


def save(
    path: Path,
    nodes: list[object],
    inputs: list[object],
    outputs: list[object],
    *,
    weights: Sequence[object] = (),
    ir_version: int = 10,
    as_others_write: bool = False,
) -> None:
    """Write a model; `as_others_write`: what ONNX's own checker is too strict for."""
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializer=weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    if not as_others_write:
        onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True)
    onnx.save(model, path)


def main(directory: Path) -> None:
    tensor, node = helper.make_tensor_value_info, helper.make_node
    count = tensor("count", TensorProto.INT64, ["batch"])
    flag = tensor("flag", TensorProto.BOOL, ["batch"])

    # Two inputs, two outputs; the newer version turns the flag round.
    for version, operation in ((2, "Identity"), (10, "Not")):
        save(
            directory / "pair" / str(version) / "model.onnx",
            [node("Add", ["count", "count"], ["double"]), node(operation, ["flag"], ["answer"])],
            [count, flag],
            [
                tensor("double", TensorProto.INT64, ["batch"]),
                tensor("answer", TensorProto.BOOL, ["batch"]),
            ],
        )
    # Text in, text out.
    save(
        directory / "words" / "1" / "model.onnx",
        [node("Identity", ["word"], ["same"])],
        [tensor("word", TensorProto.STRING, ["batch"])],
        [tensor("same", TensorProto.STRING, ["batch"])],
    )
    # Text by the rules of a language, as converters of scikit-learn's vectorizers write it.
    for name, locale in (("lower", {}), ("german", {"locale": "de_DE.UTF-8"})):
        save(
            directory / name / "1" / "model.onnx",
            [node("StringNormalizer", ["word"], ["same"], case_change_action="LOWER", **locale)],
            [tensor("word", TensorProto.STRING, ["batch"])],
            [tensor("same", TensorProto.STRING, None)],
            as_others_write=True,
        )
    # Numbers of any rank beside a scalar.
    save(
        directory / "any_rank" / "1" / "model.onnx",
        [node("Mul", ["x", "factor"], ["y"])],
        [tensor("x", TensorProto.FLOAT, None), tensor("factor", TensorProto.FLOAT, [])],
        [tensor("y", TensorProto.FLOAT, None)],
        as_others_write=True,
    )
    # One number for the whole batch.
    save(
        directory / "total" / "1" / "model.onnx",
        [node("ReduceSum", ["x"], ["sum"], keepdims=0)],
        [tensor("x", TensorProto.FLOAT, ["batch"])],
        [tensor("sum", TensorProto.FLOAT, [])],
    )
    # The dimensions fit the declaration, but not the multiplication.
    save(
        directory / "square" / "1" / "model.onnx",
        [node("MatMul", ["x", "x"], ["y"])],
        [tensor("x", TensorProto.FLOAT, ["n", "m"])],
        [tensor("y", TensorProto.FLOAT, ["n", "m"])],
    )
    # -2**63 by -1 is beyond int64, of which the processor makes SIGFPE.
    save(
        directory / "divide" / "1" / "model.onnx",
        [node("Div", ["a", "b"], ["quotient"])],
        [tensor("a", TensorProto.INT64, ["batch"]), tensor("b", TensorProto.INT64, ["batch"])],
        [tensor("quotient", TensorProto.INT64, ["batch"])],
    )
    # An output that JSON cannot carry.
    save(
        directory / "sequence" / "1" / "model.onnx",
        [node("SequenceConstruct", ["count"], ["list"])],
        [count],
        [helper.make_tensor_sequence_value_info("list", TensorProto.INT64, ["batch"])],
    )
    # What scikit-learn's classifiers are converted to where nobody says zipmap=False.
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, number))
    labels = {"classlabels_int64s": [0, 1]}
    save(
        directory / "zipmap" / "1" / "model.onnx",
        [node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", **labels)],
        [tensor("scores", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_value_info("probabilities", maps)],
    )
    # Its weights are in a file that is not there.
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    save(
        directory / "elsewhere" / "1" / "model.onnx",
        [node("Add", ["x", "w"], ["y"])],
        [tensor("x", TensorProto.FLOAT, ["batch"])],
        [tensor("y", TensorProto.FLOAT, ["batch"])],
        weights=[weights],
        as_others_write=True,
    )
    # Of a version that nobody has yet.
    save(
        directory / "unknown" / "1" / "model.onnx",
        [node("Identity", ["count"], ["same"])],
        [count],
        [tensor("same", TensorProto.INT64, ["batch"])],
        ir_version=99,
        as_others_write=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
