"""The folder that everything of the local cloud lives in: `.local/`, owned by one run at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.names import PROJECT
from common.refusal import Refusal
from localcloud.files import write


class Home:
    """Paths below the folder; nothing of the local cloud is anywhere else."""

    def __init__(self, folder: Path = PROJECT / ".local", images: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.images = images or self.folder / "images"
        """Built images, by a digest of what went in: other homes may share them."""

    @property
    def cloud_file(self) -> Path:
        return self._private("cloud") / "resources.json"

    @property
    def registry_folder(self) -> Path:
        return self._private("cloud")

    @property
    def groups(self) -> Path:
        return self._private("groups")

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    @property
    def temporary(self) -> Path:
        return self._private("tmp")

    @property
    def state(self) -> Path:
        return self._private("pulumi/state")

    def work_folder(self, stack: str) -> Path:
        """Where the engine finds Pulumi.yaml and the stack file, and may write to them."""
        return self._private(f"stacks/{stack}")

    def engine_environment(self) -> dict[str, str]:
        """Pulumi's own settings: its state here, nothing in the user's Pulumi home."""
        passphrase = self._private("pulumi") / "passphrase"
        if not passphrase.exists():
            write(passphrase, secrets.token_urlsafe(32))
        return {
            "PULUMI_HOME": str(self._private("pulumi/home")),
            # Escaped: the engine reads it as a URL, and a folder's name may hold # or %.
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            # Not PULUMI_CONFIG_PASSPHRASE_FILE: this one would win, and the user may have it set.
            "PULUMI_CONFIG_PASSPHRASE": passphrase.read_text(encoding="utf-8"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The engine would look for newer plugins on the network: two seconds at every run.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Keep other runs out; yields whether the last run was cut short.

        Raises:
            Refusal: if another run is under way.
        """
        marker = self._private("") / "running"
        with open(marker, "a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise Refusal(
                    f"another run (process {file.read() or 'unknown'}) is working in "
                    f"{self.folder}; wait for it to end"
                ) from None
            file.seek(0)
            was_cut_short = bool(file.read())
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield was_cut_short
            except Exception:
                file.truncate(0)
                raise
            # A signal or a crash leaves the mark: the next run has to look at what is there.
            file.truncate(0)

    def _private(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder
