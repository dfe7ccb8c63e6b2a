"""What lies at a path: which versions of a model, and which library made each.

Looks and reads a few bytes, loads nothing, and needs no package: the program asks before anything
is created, build.sh before anything is installed.
"""

import mmap
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "[0-9]{1,19}"
"""The name of a version's folder; below 2**63, as TensorFlow Serving has it."""
SAMPLES = "samples.json"
"""Beside a model: requests that it and what it is converted to must answer alike."""
_SAVED_MODEL = "saved_model.pb"
_MLFLOW = "MLmodel"
"""What describes a model of MLflow's, which may be below: in `data/model/`, `tf2model/`."""
_PYTHON = (
    *("uv", "run", "--isolated", "--frozen", "--project", str(Path(__file__).parent)),
    *("--only-group", "convert-sklearn", "python", "-c"),
)
"""With the packages that would convert it, whatever else is installed."""
_TO_SKOPS = "import sys, joblib, skops.io as s; s.dump(joblib.load(sys.argv[1]), sys.argv[2])"
TRUST = "modelImage.trustPickle: true, or TRUST_PICKLE=true of build.sh"
IN_WORDS = (
    "ONNX (.onnx), TensorFlow (a folder with saved_model.pb), Keras (.keras, .h5), scikit-learn "
    "(.skops, or .joblib and .pkl where pickles are trusted), XGBoost (.ubj, .json), "
    "LightGBM (.txt, .lgb); of PyTorch, torch.onnx.export makes ONNX"
)


class FormatError(Exception):
    """No model that is known, or more than one; its text is one sentence without a full stop."""

    def __init__(
        self, sentence: str, *steps: Sequence[str | Path], instead: Path | None = None
    ) -> None:
        super().__init__(sentence)
        self.instead = instead
        """The model's path after that, if it is another."""
        self.command = " && ".join(shlex.join(map(str, step)) for step in steps)
        """What to type in a shell to mend it."""


@dataclass(frozen=True)
class Format:
    """What models of a kind look like."""

    name: str
    group: str | None
    """The dependency group that converts it; None: nothing has to."""
    suffixes: tuple[str, ...]
    begins: bytes = b""
    """A regular expression for the first bytes, where the suffix is used by others as well."""
    runs_code: bool = False
    """Whether to load it is to run what it says."""

    def fits(self, path: Path) -> bool:
        # As the libraries do, which tell what it is by the letters, too.
        if path.suffix not in self.suffixes or not path.is_file():
            return False
        with path.open("rb") as file:
            return re.match(self.begins, file.read(200).lstrip()) is not None


ONNX = Format("ONNX", None, (".onnx",))
TENSORFLOW = Format("TensorFlow", "convert-tensorflow", ())
FORMATS = (
    ONNX,
    Format("Keras", "convert-tensorflow", (".keras", ".h5", ".hdf5")),
    Format("scikit-learn", "convert-sklearn", (".skops",)),
    Format("pickle", "convert-sklearn", (".joblib", ".pkl", ".pickle"), runs_code=True),
    Format("XGBoost", "convert-boosting", (".ubj",)),
    Format("XGBoost", "convert-boosting", (".json",), begins=rb'\{\s*"learner"'),
    Format("LightGBM", "convert-boosting", (".txt", ".lgb"), begins=rb"tree\s"),
)


_LOCATION = re.compile(rb"j.{1,2}\n\x08location\x12([\x01-\x7f])", re.DOTALL)
"""Before the name of a file, in a tensor's `external_data` (field 13), and the name's length.
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto"""


def weights(model: Path) -> list[Path]:
    """Files that an ONNX model keeps its weights in, from where it lies on.

    Raises:
        FormatError: if one is missing, or elsewhere.
    """
    if not model.stat().st_size:  # which cannot be mapped
        return []
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = {data[at.end() : at.end() + at[1][0]] for at in _LOCATION.finditer(data)}
    paths = [Path(os.fsdecode(name)) for name in sorted(names)]
    for path in paths:
        if path.is_absolute() or ".." in path.parts or not (model.parent / path).is_file():
            raise FormatError(
                f"{model} keeps weights in {path}, which has to be there, beside it or below",
                ["ls", model.parent],
            )
    return paths


def copy_onnx(model: Path, target: Path) -> None:
    """Copy a model with the files of its weights; its own name may be another then."""
    target.parent.mkdir(parents=True)
    shutil.copy(model, target)
    for path in weights(model):
        (target.parent / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(model.parent / path, target.parent / path)


def reason(error: OSError) -> str:
    """What went wrong; of several files at once shutil has a list."""
    first = error.args[0]
    if isinstance(first, list):
        path, _, why = first[0]
        return f"{path}: {why}"
    return str(error)


@dataclass(frozen=True)
class Found:
    """One version of a model."""

    version: int
    format: Format
    path: Path


def find(root: Path, *, trusts_pickles: bool) -> list[Found]:
    """All versions of the model at a path: a file, a folder of one, or a folder of versions.

    Raises:
        FormatError: if there is none, more than one for a version, or one that is not trusted.
    """
    found = _versions(root) if root.is_dir() else [Found(1, _format(root), root)]
    for one in found:
        if one.format == ONNX:
            weights(one.path)
        if one.format.runs_code and not trusts_pickles:
            saved = one.path.with_suffix(".skops")
            raise FormatError(
                f"{one.path} is a pickle, which can run anything when it is read: if it is yours, "
                f"save it with skops, or say that you trust it ({TRUST})",
                [*_PYTHON, _TO_SKOPS, one.path, saved],
                ["mv", one.path, f"{one.path}.unused"],
                instead=saved,
            )
    return found


def _versions(root: Path) -> list[Found]:
    beside = _seen(root)
    folders = [path for path in beside if _is_version(path.name)]
    if not folders:
        return [_in_folder(1, root)]
    versions: dict[int, Path] = {}
    for folder in folders:
        if (same := versions.setdefault(int(folder.name), folder)) != folder:
            raise FormatError(
                f"{same} and {folder} are the same version",
                ["mv", same, root.parent / f"unused-{same.name}"],
            )
    free = root / str(max(versions) + 1)
    for path in beside:
        if path not in folders and _is_model(path):
            raise FormatError(
                f"{path} is beside the folders of versions and in none",
                ["mkdir", free],
                ["mv", path, free],
            )
        if path not in folders and path.is_dir() and any(map(_is_model, path.iterdir())):
            raise FormatError(
                f"{path} holds a model, and no version is called so: a whole number is",
                ["mv", path, free],
            )
    return [_in_folder(version, folder) for version, folder in sorted(versions.items())]


def _seen(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_version(name: str) -> bool:
    return re.fullmatch(VERSION, name) is not None and int(name) < 2**63


def _is_model(path: Path) -> bool:
    return path.name == _SAVED_MODEL or any(format_.fits(path) for format_ in FORMATS)


def _in_folder(version: int, folder: Path) -> Found:
    if not folder.is_dir():
        model = folder.with_name(f"{folder.name}.onnx")
        raise FormatError(
            f"{folder} is a file, and the name of a version is a folder's",
            ["mv", folder, model],
            ["mkdir", folder],
            ["mv", model, folder / "model.onnx"],
        )
    files = [path for path in _seen(folder) if path.name != SAMPLES]
    models = [path for path in files if _is_model(path)]
    if len(models) > 1:
        names = " and ".join(path.name for path in models[:2])
        raise FormatError(
            f"{folder} holds two models, {names}", ["mv", models[0], f"{models[0]}.unused"]
        )
    if models and models[0].name == _SAVED_MODEL:
        return Found(version, TENSORFLOW, folder)
    if not models and (folder / _MLFLOW).is_file():
        below = {path.parent for path in folder.rglob("*") if _is_model(path)}
        if len(below) == 1:
            return _in_folder(version, below.pop())
    # A single file can be told what is wrong with it.
    path = models[0] if models else files[0] if len(files) == 1 else folder
    return Found(version, _format(path), path)


def _format(path: Path) -> Format:
    fitting = next((format_ for format_ in FORMATS if format_.fits(path)), None)
    if fitting is None and path.is_file() and not path.suffix:
        model = path.with_name(f"{path.name}.onnx")
        raise FormatError(
            f"{path} is a file whose name does not say what it is; known are {IN_WORDS}",
            ["mv", path, model],
            ["mkdir", path],
            ["mv", model, path],
        )
    lower = path.with_suffix(path.suffix.lower())
    if fitting is None and path.is_file() and lower != path:
        raise FormatError(
            f"{path} ends in capitals, and no library takes it so",
            ["mv", path, lower],
            instead=lower,
        )
    if not path.exists():
        raise FormatError(f"{path} is not there, or a link that leads nowhere", ["ls", path.parent])
    if fitting is None:
        raise FormatError(f"{path} is no model that is known; known are {IN_WORDS}", ["ls", path])
    return fitting


def main(root: str) -> None:
    """Print the options of uv for the groups that convert a model, or why there is none."""
    try:
        found = find(Path(root), trusts_pickles=os.environ.get("TRUST_PICKLE") == "true")
    except FormatError as error:
        sys.exit(f"{error}.")
    print(*sorted({f"--only-group {one.format.group}" for one in found if one.format.group}))


if __name__ == "__main__":
    main(sys.argv[1])
