"""The model's versions on disk and in memory."""

import re
from collections.abc import Mapping
from pathlib import Path

import onnxruntime as ort

from .errors import RequestError, StartError, quoted
from .tensors import Array, TensorSpec


class ServedModel:
    """One version of the model, loaded."""

    def __init__(self, version: int, path: Path) -> None:
        self.version = version
        options = ort.SessionOptions()
        # The container has about one CPU; threads that spin for work would starve the sidecar.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; warnings about graph optimisation help nobody here
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            raise StartError(
                f"{path} is not a model that can be run: {_first_line(error)}"
            ) from error
        self.inputs = self._specs(path, "input", self._session.get_inputs())
        self.outputs = self._specs(path, "output", self._session.get_outputs())

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

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Predict. A failure inside the graph is put down to the input, which is what varies."""
        try:
            arrays = self._session.run(list(self.outputs), dict(tensors))
        except Exception as error:  # as above
            raise RequestError(
                400, f"The model cannot take these inputs: {_first_line(error)}"
            ) from error
        return dict(zip(self.outputs, arrays, strict=True))


class Models:
    """All versions of the one model served, under its name. Empty until loaded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, ServedModel] = {}
        """Newest first, so the first is the default."""

    def load(self, paths: Mapping[int, Path]) -> None:
        """Load every version, then serve all at once; raise StartError if one cannot be run."""
        newest_first = sorted(paths.items(), reverse=True)
        self.versions = {str(version): ServedModel(version, path) for version, path in newest_first}

    def loaded(self) -> list[ServedModel]:
        if not self.versions:
            raise RequestError(503, f"Model '{self.name}' is still loading; try again in a moment.")
        return list(self.versions.values())

    def find(self, name: str, version: str | None = None) -> ServedModel:
        """The version asked for, or the newest; 404 for what is not served, 503 while loading."""
        if name != self.name:
            raise RequestError(404, f"Model {quoted(name)} is not served here; '{self.name}' is.")
        newest = self.loaded()[0]
        if version is None:
            return newest
        if version not in self.versions:
            raise RequestError(
                404,
                f"Model '{self.name}' has no version {quoted(version)}; "
                f"it serves {', '.join(self.versions)}.",
            )
        return self.versions[version]


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
