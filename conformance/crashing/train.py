"""Write the demo's model as version 2, and as version 1 one that a request can crash.

The demo's own training stands beside it as `demo.py`, in a copy of `model_image/`.
"""

import sys
from pathlib import Path

import onnx  # type: ignore[import-not-found]  # it and demo are there in the image's build only
from onnx import TensorProto, helper

sys.path.append(str(Path(__file__).parent))
import demo  # type: ignore[import-not-found]


def divide() -> onnx.ModelProto:
    """Quotients of int64. -2**63 by -1 is beyond it, of which the processor makes SIGFPE."""

    def numbers(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch"])

    node = helper.make_node("Div", ["a", "b"], ["quotient"])
    graph = helper.make_graph([node], "divide", [numbers("a"), numbers("b")], [numbers("quotient")])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", demo.OPSET)], ir_version=demo.IR_VERSION
    )


def main(directory: Path) -> None:
    demo.VERSION = 2
    demo.main(directory)
    (directory / "1").mkdir()
    onnx.save(divide(), directory / "1" / "model.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
