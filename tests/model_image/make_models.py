"""Models the demo is not: run in the `train` environment, `make_models.py <directory>`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    opset: int = 21,
    as_others_write: bool = False,
) -> None:
    """Write a model; `as_others_write`: what ONNX's own checker is too strict for."""
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializer=weights)
    versions = {"": opset, "ai.onnx.ml": 1, "com.acme": 1}
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
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
        directory / "words" / "1764115200000000000" / "model.onnx",
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
    # What a MultiOutputClassifier is converted to: a list of what its classifiers say.
    save(
        directory / "several" / "1" / "model.onnx",
        [
            node("Identity", ["count"], ["label"]),
            node("SequenceConstruct", ["count", "count"], ["probabilities"]),
        ],
        [count],
        [
            tensor("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_sequence_value_info("probabilities", TensorProto.INT64, ["batch"]),
        ],
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

    def same(kind: int) -> tuple[list[object], list[object]]:
        return [tensor("count", kind, ["batch"])], [tensor("same", kind, ["batch"])]

    def identical(name: str, kind: int = TensorProto.INT64, **how: Any) -> None:
        path = directory / name / "1" / "model.onnx"
        save(
            path, [node("Identity", ["count"], ["same"])], *same(kind), as_others_write=True, **how
        )

    # Two outputs, as scikit-learn's classifiers have them with zipmap=False.
    for name, classes in (
        ("numbered", {"classlabels_ints": [0, 1]}),
        ("named", {"classlabels_strings": ["healthy", "ill"]}),
    ):
        how = {"coefficients": [-1.0, 1.0], "intercepts": [0.0, 0.0], "post_transform": "SOFTMAX"}
        kind = TensorProto.INT64 if name == "numbered" else TensorProto.STRING
        save(
            directory / name / "1" / "model.onnx",
            [
                node(
                    "LinearClassifier",
                    ["x"],
                    ["label", "scores"],
                    domain="ai.onnx.ml",
                    multi_class=1,
                    **how,
                    **classes,
                )
            ],
            [tensor("x", TensorProto.FLOAT, ["batch", 1])],
            [tensor("label", kind, ["batch"]), tensor("scores", TensorProto.FLOAT, ["batch", 2])],
            as_others_write=True,
        )

    # What ONNX Runtime refuses, each for a reason of its own.
    for name, location, content in (
        ("elsewhere", "weights.bin", None),
        ("outside", "../weights.bin", b"\0\0\0\0"),
        ("cut", "weights.bin", b"\0"),
    ):
        weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "4")):
            weights.external_data.add(key=key, value=value)
        save(
            directory / name / "1" / "model.onnx",
            [node("Add", ["x", "w"], ["y"])],
            [tensor("x", TensorProto.FLOAT, ["batch"])],
            [tensor("y", TensorProto.FLOAT, ["batch"])],
            weights=[weights],
            as_others_write=True,
        )
        if content is not None:
            (directory / name / "1" / location).write_bytes(content)
    identical("unknown", ir_version=99)
    identical("opset", opset=99)
    identical("complex", TensorProto.COMPLEX64)
    identical("bfloat16", TensorProto.BFLOAT16)
    for name, nodes in (
        ("custom", [node("Own", ["count"], ["same"], domain="com.acme")]),
        ("twice", [node("Identity", ["count"], ["same"])] * 2),
        ("silent", [node("Identity", ["count"], ["other"])]),
    ):
        inputs, outputs = same(TensorProto.INT64)
        path = directory / name / "1" / "model.onnx"
        save(path, nodes, inputs, [] if name == "silent" else outputs, as_others_write=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
