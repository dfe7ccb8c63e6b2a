"""The model's versions on disk and in memory: for the loader and its workers."""

import re
from collections.abc import Mapping
from pathlib import Path

import onnxruntime as ort

from .catalogue import Version
from .errors import RequestError, StartError
from .tensors import Array, TensorSpec


class ServedModel(Version):
    """One version of the model, loaded."""

    def __init__(self, version: int, path: Path) -> None:
        options = ort.SessionOptions()
        # Threads that spin for work would starve the sidecar; and only a process that has none
        # can be forked into workers.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; warnings about graph optimisation help nobody here
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            raise StartError(
                f"{path} is not a model that can be run: {_first_line(error)}"
            ) from error
        super().__init__(
            version,
            inputs=self._specs(path, "input", self._session.get_inputs()),
            outputs=self._specs(path, "output", self._session.get_outputs()),
        )

    @staticmethod
    def _specs(path: Path, role: str, arguments: list[ort.NodeArg]) -> dict[str, TensorSpec]:
        specs = {}
        for argument in arguments:
            try:
                spec = TensorSpec.from_graph(argument.name, argument.type, argument.shape)
            except KeyError:
                raise StartError(
                    f"{path}: {role} {argument.name!r} is a {argument.type}, which JSON cannot "
                    "carry; export the model with plain tensors (for scikit-learn: zipmap=False)."
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
                400, f"The model cannot take these inputs: {_first_line(error)}"
            ) from error
        return dict(zip(self.outputs, arrays, strict=True))


def load(paths: Mapping[int, Path]) -> list[ServedModel]:
    """Load every version, newest first; raise StartError if one cannot be run."""
    return [ServedModel(version, path) for version, path in sorted(paths.items(), reverse=True)]


def find_versions(root: Path) -> dict[int, Path]:
    """The `<version>/model.onnx` below `root`; raise StartError if there is none."""
    found = {
        int(path.parent.name): path
        for path in root.glob("*/model.onnx")
        if re.fullmatch(r"[0-9]{1,18}", path.parent.name)
    }
    if not found:
        raise StartError(
            f"No model under {root}: expected {root / '<version>' / 'model.onnx'} with a whole "
            "number for <version>; rebuild the image with a model, or point MODEL_PATH at a "
            "directory that holds one."
        )
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
