"""`python -m convert <model> <target>`: write `<target>/<version>/model.onnx` for each version.

Runs in an environment with the groups that `formats.py` named.
"""

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from formats import ONNX, SAMPLES, FormatError, Found, copy_onnx, find, reason

_CONVERTERS = {
    "Keras": "tensorflow_models",
    "TensorFlow": "tensorflow_models",
    "scikit-learn": "sklearn_models",
    "pickle": "sklearn_models",
    "XGBoost": "boosting",
    "LightGBM": "boosting",
}


def main(root: Path, target: Path) -> None:
    for found in find(root, trusts_pickles=os.environ.get("TRUST_PICKLE") == "true"):
        folder = target / str(found.version)
        rows = _samples(found.path)
        if found.format == ONNX:
            if rows:
                print(f"version {found.version} is ONNX already: {SAMPLES} has nothing to show")
            _copy(root, found, folder)
        else:
            folder.mkdir(parents=True)
            _convert(found, rows, folder / "model.onnx")


def _copy(root: Path, found: Found, folder: Path) -> None:
    """The model and what lies beside it, such as its weights."""
    # A hub's cache is made of links; what they lead to belongs into the image.
    try:
        if root.is_dir():
            shutil.copytree(found.path.parent, folder, ignore=shutil.ignore_patterns(SAMPLES))
            (folder / found.path.name).rename(folder / "model.onnx")
        else:
            copy_onnx(found.path, folder / "model.onnx")
    except OSError as error:
        sys.exit(f"{found.path} cannot be copied as it is: {reason(error)}.")


def _convert(found: Found, rows: list[Any] | None, target: Path) -> None:
    # Not before: an environment has what its models need.
    from .agreement import check  # noqa: PLC0415
    from .converted import ConversionError  # noqa: PLC0415

    print(f"converting version {found.version} from {found.format.name}", flush=True)
    converter = importlib.import_module(f".{_CONVERTERS[found.format.name]}", __package__)
    try:
        print(check(converter.convert(found, rows, target), rows), flush=True)
    except ConversionError as error:
        sys.exit(f"{found.path} {error}.")


def _samples(model: Path) -> list[Any] | None:
    path = model / SAMPLES if model.is_dir() else model.parent / SAMPLES
    try:
        rows = json.loads(path.read_bytes())["instances"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return None
        rows = None
    if not isinstance(rows, list) or not rows:
        sys.exit(f'{path} is not a request in row form: {{"instances": [...]}}.')
    return rows


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except FormatError as error:
        sys.exit(f"{error}.")
