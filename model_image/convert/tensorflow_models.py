"""TensorFlow and Keras: by tf2onnx, from a SavedModel or what Keras saves."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What it says of the processor is nobody's concern here. Read when it is imported.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")

import keras
import tensorflow as tf

from formats import Found

from .converted import Array, ConversionError, Converted, Row, first_line

OPSET = 18
"""The newest that tf2onnx writes."""
SIGNATURE = "serving_default"


def convert(found: Found, _: Sequence[Row] | None, target: Path) -> Converted:
    """Convert a signature: `serving_default`, or the only one. Names of inputs and outputs stay."""
    path = found.path
    with tempfile.TemporaryDirectory() as scratch:
        saved = path if path.is_dir() else _exported(path, Path(scratch) / "saved")
        try:
            model = tf.saved_model.load(str(saved))
        except Exception as error:
            raise ConversionError(f"cannot be loaded: {first_line(error)}") from error
        name = _signature(list(model.signatures))
        _run_tf2onnx(saved, name, target)
    signature = model.signatures[name]

    def original(tensors: Mapping[str, Array]) -> dict[str, Array]:
        types = {name: spec.dtype for name, spec in signature.structured_input_signature[1].items()}
        answers = signature(**{key: tf.constant(tensors[key], types[key]) for key in types})
        return {key: value.numpy() for key, value in answers.items()}

    return Converted(target, original)


def _exported(path: Path, saved: Path) -> Path:
    try:
        model: Any = keras.models.load_model(path, compile=False, safe_mode=True)
        model.export(saved, verbose=False)
    except Exception as error:
        raise ConversionError(_unread(error)) from error
    return saved


def _unread(error: Exception) -> str:
    said = str(error).rpartition("Exception encountered: ")[2]
    layer = re.search(r"`(Lambda)` layer|Could not locate (?:class|function) '(\w+)'", said)
    if layer:
        return (
            f"has the layer {layer[1] or layer[2]}, which is code, and of a file none is run: give "
            "the SavedModel that model.export(folder) writes where the code is"
        )
    return f"cannot be loaded: {first_line(ValueError(said))}"


def _signature(names: list[str]) -> str:
    if SIGNATURE in names:
        return SIGNATURE
    if len(names) != 1:
        raise ConversionError(
            f"has the signatures {', '.join(names) or 'none'}; save it with one called {SIGNATURE}"
        )
    return names[0]


def _run_tf2onnx(saved: Path, signature: str, target: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "tf2onnx.convert", "--saved-model", saved),
            *("--signature_def", signature, "--tag", "serve"),
            *("--opset", str(OPSET), "--output", target),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise ConversionError(f"cannot be converted: {run.stdout.strip().splitlines()[-1][:300]}")
