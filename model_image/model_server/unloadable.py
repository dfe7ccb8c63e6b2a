"""Why a model cannot be served, and what to do about it."""

import re
from pathlib import Path

_OTHERS = (
    (
        rb"version https://git-lfs",
        "a pointer of Git LFS and not the file itself: git lfs pull brings it",
    ),
    (
        rb"<\s*ir_version|ir_version\s*:|\{\s*\"irVersion",
        "text: ONNX's own forms for people to read; make a model of it with onnx.save(onnx.load("
        'old, format=...), new), where the format is "onnxtxt", "textproto" or "json"',
    ),
    (rb"<", "a web page, or XML: download the file itself"),
    (rb"\x1f\x8b", "packed by gzip: unpack it"),
    (rb"PK\x03\x04", "a zip archive, as PyTorch and Keras write: export the model to ONNX"),
    (rb"\x80", "a Python pickle: convert the model to ONNX"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes: convert the model to ONNX"),
)

# What is in ONNX Runtime's words, and what to do then.
_STEPS = (
    ("Protobuf parsing failed", "it is cut off, or no ONNX model: copy or export it again"),
    ("External data path does not exist", "put that file there, too, by the same name"),
    (
        "out of bounds or can not be read in full|require a regular file",
        "the file with its weights is cut off: copy or export both again",
    ),
    (
        "escapes model directory|Absolute path not allowed",
        "put its weights into the same folder: onnx.save_model(onnx.load(old), new, "
        'save_as_external_data=True, location="weights.bin")',
    ),
    (
        "is not a registered function/op|No opset import for domain|No Op registered",
        "export it with operators of ONNX alone: libraries with others are not loaded",
    ),
    ("Unsupported model IR version", "export it for that one, or set model.ir_version to it"),
    (
        "Current official support for domain",
        "export it for that opset: opset_version= of PyTorch, target_opset= of skl2onnx, "
        "--opset of tf2onnx",
    ),
    (
        "MLDataType for|Could not find an implementation",
        "this type is not computed with on a CPU: put a Cast to float before it, or export it "
        "in float",
    ),
)
_CHECK = "see what onnx.checker.check_model(path, full_check=True) says, and export it again"


def why_not(path: Path, error: Exception) -> str:
    """What follows the path in a sentence, with the next step."""
    if what := _mistaken_for(path):
        return f"is {what}."
    reason = one_line(error)
    if locale := re.search(r"construct locale with name:([^:]+)", reason):
        return (
            f"works on text by the rules of {locale[1]}, which are not installed; export it with "
            "the locale en_US.UTF-8."
        )
    step = next((step for words, step in _STEPS if re.search(words, reason)), _CHECK)
    return f"is not a model that can be run: {reason.rstrip('.')}; {step}."


def unlike_json(onnx_type: str, inputs: list[str], others: list[str]) -> str:
    """What follows the name of an input or output whose type is not served.

    `others` are the names of outputs that are, where one of them is not.
    """
    if onnx_type.startswith("tensor("):
        return (
            f"is a {onnx_type}, and this type is not served: put a Cast between it and a tensor of "
            "float."
        )
    steps = ["export the model with plain ones"]
    if "map(" in onnx_type:
        steps[0] += ", which converters of classifiers do with zipmap=False"
    if others:
        steps.append(f"leave it out with onnx.utils.extract_model(old, new, {inputs}, {others})")
    return f"is a {onnx_type}, and only tensors are served: {', or '.join(steps)}."


def _mistaken_for(path: Path) -> str | None:
    """What lies there instead of a model, and what to do; None where it may be one."""
    with path.open("rb") as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return "empty: copy or export it again"
    return next((what for begin, what in _OTHERS if re.match(begin, start)), None)


def one_line(error: Exception) -> str:
    """What ONNX Runtime says, in one line and without the places in its own source."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    for place in (
        r"Load model from .*? failed:",
        r"\b\w+\.(cc|h):\d+ \w+ ",
        r"/onnxruntime_src/\S+ .*?[)>] (?=[A-Z])",
    ):
        text = re.sub(place, "", text, count=1)
    return text[:600]
