"""A clone of the repository as it stands here, to change and to commit in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from common.names import PROJECT

Said = subprocess.CompletedProcess[str]


class Clone:
    """The repository as it stands here, with a history of one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True)
        for name in filter(None, files.stdout.split("\0")):
            if (PROJECT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, folder / name)
        self.git("init", "--quiet")
        self.git("config", "user.name", "Tests")
        self.git("config", "user.email", "tests@example.com")
        self.commit()

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  the user's own git
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def configure(self, stack: str = "dev", **config: object) -> None:
        file = self.folder / f"Pulumi.{stack}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"].update({f"mtls-model-endpoint:{k}": v for k, v in config.items()})
        file.write_text(yaml.safe_dump(content))

    def run(self, *module: str, **environment: str) -> Said:
        return subprocess.run(
            [sys.executable, "-m", *module],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )

    def review(self, base: str, stack: str = "dev") -> Said:
        return self.run("review", "--stack", stack, f"--base={base}")

    def require_tidy(self) -> None:
        assert list((self.folder / ".local" / "review").glob("*")) == []
        assert len(self.git("worktree", "list").splitlines()) == 1
        assert self.git("status", "--short") == ""
