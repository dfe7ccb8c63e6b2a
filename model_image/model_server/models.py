"""The model's versions on disk and in memory: for the loader and its workers."""

import re
from collections.abc import Mapping
from pathlib import Path

import onnxruntime as ort

from .catalogue import Version
from .errors import RequestError, StartError
from .model_file import without_rank
from .tensors import Array, TensorSpec, is_served
from .unloadable import one_line, unlike_json, why_not


class ServedModel(Version):
    """One version of the model, loaded."""

    def __init__(self, version: int, path: Path) -> None:
        options = ort.SessionOptions()
        # Threads that spin for work would starve the sidecar; and only a process that has none
        # can be forked into workers.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what fails is said in our own sentence
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            raise StartError(f"{path} {why_not(path, error)}") from error
        free = without_rank(path)
        super().__init__(
            version,
            inputs={i.name: self._spec(path, "input", i, free) for i in self._session.get_inputs()},
            outputs={
                o.name: self._spec(path, "output", o, free) for o in self._session.get_outputs()
            },
        )
        if not self.outputs:
            raise StartError(f"{path} has no output to answer with; export it with one.")

    def _spec(self, path: Path, role: str, argument: ort.NodeArg, free: set[str]) -> TensorSpec:
        # Of an output ONNX Runtime may know more than the graph says.
        shape = None if argument.name in free and not argument.shape else argument.shape
        try:
            return TensorSpec.from_graph(argument.name, argument.type, shape)
        except KeyError:
            inputs = [each.name for each in self._session.get_inputs()]
            others = [each.name for each in self._session.get_outputs() if is_served(each.type)]
            why = unlike_json(argument.type, inputs, others if role == "output" else [])
            raise StartError(f"{path}: {role} {argument.name!r} {why}") from None

    @property
    def description(self) -> Version:
        return Version(self.version, self.inputs, self.outputs)

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Predict. A failure inside the graph is put down to the input, which is what varies."""
        try:
            arrays = self._session.run(list(self.outputs), dict(tensors))
        except Exception as error:  # as above
            raise RequestError(
                400, f"The model cannot take these inputs: {one_line(error)}"
            ) from error
        return dict(zip(self.outputs, arrays, strict=True))


def load(paths: Mapping[int, Path]) -> list[ServedModel]:
    """Load every version, newest first; raise StartError if one cannot be run."""
    return [ServedModel(version, path) for version, path in sorted(paths.items(), reverse=True)]


def _is_version(name: str) -> bool:
    """As TensorFlow Serving has it: an int64."""
    return re.fullmatch(r"[0-9]{1,19}", name) is not None and int(name) < 2**63


def find_versions(root: Path) -> dict[int, Path]:
    """The `<version>/model.onnx` below `root`.

    Raises:
        StartError: if there is none, or anything that somebody may take for one and is not served.
    """
    for path in sorted(root.glob("*")):
        if path.is_file() and (path.suffix == ".onnx" or _is_version(path.name)):
            raise StartError(f"{path} would not be served: it is in no version's folder; {_LAYOUT}")
    found: dict[int, Path] = {}
    folders = sorted(p for p in root.glob("*") if p.is_dir() and not p.name.startswith("."))
    for folder in folders:
        model, is_version = folder / "model.onnx", _is_version(folder.name)
        if is_version and not model.is_file():
            beside = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
            missing = "a link that leads nowhere" if model.is_symlink() else "not there"
            raise StartError(f"{model} is {missing}: {folder} holds {beside}; {_LAYOUT}")
        if model.exists() and not is_version:
            raise StartError(f"{model} would not be served: no version is called so; {_LAYOUT}")
        if is_version and int(folder.name) in found:
            same = found[int(folder.name)].parent
            raise StartError(f"{same} and {folder} are the same version; keep one of them.")
        if is_version:
            found[int(folder.name)] = model
    if not found:
        raise StartError(f"No model under {root}; {_LAYOUT}")
    return found


_LAYOUT = (
    "the place of a model is <version>/model.onnx with a whole number below 2^63 for <version>: "
    "put it there and build the image again, or point MODEL_PATH at a directory that holds one."
)
