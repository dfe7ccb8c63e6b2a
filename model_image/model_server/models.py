"""The model's versions on disk and in memory: for the loader and its workers."""

import re
from collections.abc import Mapping
from pathlib import Path

import onnxruntime as ort

from .catalogue import Version
from .errors import RequestError, StartError
from .model_file import mistaken_for, without_rank
from .tensors import Array, TensorSpec


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
            raise StartError(f"{path} {_why_not(path, error)}") from error
        free = without_rank(path)
        super().__init__(
            version,
            inputs=self._specs(path, "input", self._session.get_inputs(), free),
            outputs=self._specs(path, "output", self._session.get_outputs(), free),
        )

    @staticmethod
    def _specs(
        path: Path, role: str, arguments: list[ort.NodeArg], free: set[str]
    ) -> dict[str, TensorSpec]:
        specs = {}
        for argument in arguments:
            # Of an output ONNX Runtime may know more than the graph says.
            shape = None if argument.name in free and not argument.shape else argument.shape
            try:
                spec = TensorSpec.from_graph(argument.name, argument.type, shape)
            except KeyError:
                hint = (
                    "plain tensors: converters of classifiers do so with zipmap=False"
                    if "map(" in argument.type
                    else "plain tensors of numbers, booleans or text"
                )
                raise StartError(
                    f"{path}: {role} {argument.name!r} is a {argument.type}, which JSON cannot "
                    f"carry; export the model with {hint}."
                ) from None
            specs[spec.name] = spec
        return specs

    @property
    def description(self) -> Version:
        return Version(self.version, self.inputs, self.outputs)

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Predict. A failure inside the graph is put down to the input, which is what varies."""
        try:
            arrays = self._session.run(list(self.outputs), dict(tensors))
        except Exception as error:  # as above
            raise RequestError(
                400, f"The model cannot take these inputs: {_reason(error)}"
            ) from error
        return dict(zip(self.outputs, arrays, strict=True))


def load(paths: Mapping[int, Path]) -> list[ServedModel]:
    """Load every version, newest first; raise StartError if one cannot be run."""
    return [ServedModel(version, path) for version, path in sorted(paths.items(), reverse=True)]


def find_versions(root: Path) -> dict[int, Path]:
    """The `<version>/model.onnx` below `root`.

    Raises:
        StartError: if there is none, or anything that somebody may take for one and is not served.
    """
    found: dict[int, Path] = {}
    folders = sorted(p for p in root.glob("*") if p.is_dir() and not p.name.startswith("."))
    for folder in folders:
        model, is_version = folder / "model.onnx", re.fullmatch(r"[0-9]{1,18}", folder.name)
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
    "the place of a model is <version>/model.onnx with a whole number for <version>: put it there "
    "and build the image again, or point MODEL_PATH at a directory that holds one."
)


def _why_not(path: Path, error: Exception) -> str:
    if what := mistaken_for(path):
        return f"is {what}."
    reason = _reason(error)
    if locale := re.search(r"construct locale with name:([^:]+)", reason):
        return (
            f"works on text by the rules of {locale[1]}, which are not installed; export it with "
            "the locale en_US.UTF-8."
        )
    if "Protobuf parsing failed" in reason:
        reason += " It is cut off, or no ONNX model: copy or export it again."
    return f"is not a model that can be run: {reason}"


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, in one line and without the places in its own source."""
    text = " ".join(str(error).split()) or type(error).__name__
    for place in (
        r"\[ONNXRuntimeError\] : \d+ : \w+ : ",
        r"Load model from .*? failed:",
        r"/onnxruntime_src/\S+ .*?[)>] (?=[A-Z])",
        r"\w+\.(cc|h):\d+ \w+ ",
    ):
        text = re.sub(place, "", text, count=1)
    return text[:600]
