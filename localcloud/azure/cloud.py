"""The resources that "exist in Azure", by their ARM id, in a file.

One process at a time works on it (the home is locked); within it, calls come from many threads.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.names import REGISTRY
from common.refusal import Refusal
from localcloud.files import write

SUBSCRIPTION = "00000000-0000-0000-0000-00000000c10d"
TENANT = "00000000-0000-0000-0000-0000000010ca"


@dataclass
class Record:
    """One resource: what was asked for, what Azure answered, and who asked."""

    id: str
    type: str
    """Pulumi's token, as `azure-native:containerinstance:ContainerGroup`."""
    urn: str
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    """Of a registry: `repository@sha256:…` to the folder the image lies in."""

    @property
    def stack(self) -> str:
        return self.urn.split("::")[0].removeprefix("urn:pulumi:")


class Damaged(Refusal):
    """A file that the local cloud wrote cannot be read any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} is damaged, so nobody knows what runs; type `make down`, which stops and "
            "removes everything of every stack on this machine, and `make up` again"
        )


class Cloud:
    """All resources of all stacks of one home."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self.arm_token = secrets.token_urlsafe(32)
        """What the deployer's Azure login is worth in this run."""
        self.push_tokens: dict[str, str] = {}
        """Token to the login server it was issued for, in this run."""
        self._records: dict[str, Record] = {}
        if path.exists():
            try:
                stored = json.loads(path.read_bytes())
                self._records = {record["id"].lower(): Record(**record) for record in stored}
            except (ValueError, TypeError, KeyError, AttributeError):
                raise Damaged(path) from None

    def get(self, arm_id: str) -> Record | None:
        return self._records.get(arm_id.lower())

    def all(self, type_: str | None = None) -> list[Record]:
        with self._lock:
            return [r for r in self._records.values() if type_ in (None, r.type)]

    @contextmanager
    def changing(self) -> Iterator[dict[str, Record]]:
        """The records, keyed by lower-case id, written to disk when the block ends well."""
        with self._lock:
            yield self._records
            records = [asdict(record) for record in self._records.values()]
            write(self._path, json.dumps(records, indent=1))


def registry_for(cloud: Cloud, image: str) -> Record | None:
    """The registry of this cloud that an image reference names."""
    host = image.split("/", 1)[0]
    for record in cloud.all(REGISTRY):
        if record.outputs.get("loginServer") == host:
            return record
    return None
