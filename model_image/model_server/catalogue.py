"""What is served, as the process that speaks HTTP knows it: without the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import RequestError, quoted
from .tensors import TensorSpec

SIGNATURE = "serving_default"


@dataclass
class Version:
    """One version of the model."""

    version: int
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


class Models:
    """All versions of the one model served, under its name. Empty until loaded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, Version] = {}
        """Newest first, so the first is the default."""

    def serve(self, newest_first: Sequence[Version]) -> None:
        self.versions = {str(version.version): version for version in newest_first}

    def loaded(self) -> list[Version]:
        if not self.versions:
            raise RequestError(503, f"Model '{self.name}' is still loading; try again in a moment.")
        return list(self.versions.values())

    def find(self, name: str, version: str | None = None) -> Version:
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
