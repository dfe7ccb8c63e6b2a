"""Reviews against another commit, in a clone of its own, under the real engine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from localcloud.home import PROJECT

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

    def review(self, base: str, stack: str = "dev") -> Said:
        return subprocess.run(
            [sys.executable, "-m", "review", "--stack", stack, "--base", base],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def require_tidy(self) -> None:
        assert list((self.folder / ".local" / "review").glob("*")) == []
        assert len(self.git("worktree", "list").splitlines()) == 1
        assert self.git("status", "--short") == ""


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def clients(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def test_a_client_that_is_taken_out_loses_access(clone: Clone) -> None:
    clone.configure(clients=clients("alice", "bob"))
    clone.commit()
    clone.configure(clients=clients("alice"))
    clone.commit()

    said = clone.review("HEAD~1")

    assert said.returncode == 1, said.stderr
    assert "`bob` loses access for good" in said.stdout
    assert "the containers restart in place; `bob` loses access" in said.stdout
    assert "Compared with `HEAD~1` in the local cloud" in said.stdout
    clone.require_tidy()


def test_a_change_that_is_not_committed_counts_and_other_cpu_replaces(clone: Clone) -> None:
    clone.configure(resources={"model": {"cpu": 2, "memoryInGB": 1.5}})

    said = clone.review("HEAD")

    assert said.returncode == 1, said.stderr
    assert "the container group is replaced (new IP address, downtime)" in said.stdout


def test_the_base_is_deployed_by_its_own_program(clone: Clone) -> None:
    """With the tag in both programs, or in neither, the review would find nothing."""
    program = clone.folder / "__main__.py"
    before = program.read_text()
    program.write_text(before.replace("tags, is_prod = cfg.all_tags", "tags, is_prod = {'a': 'b'}"))
    assert program.read_text() != before
    clone.commit()
    program.write_text(before)
    clone.commit()

    said = clone.review("HEAD~1")

    assert "tags" in said.stdout, said.stderr + said.stdout


@pytest.mark.parametrize(
    ("base", "stack", "sentence"),
    [
        pytest.param(
            "origin/main",
            "dev",
            'error: BASE: there is no commit "origin/main" in this clone; a branch of the server '
            "is origin/<branch>, and `git fetch origin` gets what is missing\n",
            id="no such commit",
        ),
        pytest.param(
            "--help",
            "dev",
            'error: BASE: there is no commit "--help" in this clone',
            id="an option for git",
        ),
        pytest.param(
            "HEAD",
            "staging",
            'error: BASE: "HEAD" has no Pulumi.staging.yaml, only the stacks dev, local, prod; '
            "leave BASE out to review the stack as a new one\n",
            id="no such stack",
        ),
    ],
)
def test_a_base_that_is_not_there(clone: Clone, base: str, stack: str, sentence: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "review", "--stack", stack, f"--base={base}"],
        cwd=clone.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.returncode == 2
    assert said.stderr.startswith(sentence)
    clone.require_tidy()


def test_a_base_that_cannot_be_deployed_says_why(clone: Clone) -> None:
    clone.configure(registrySku="Tiny")
    clone.commit()

    said = clone.review("HEAD")

    assert said.returncode == 2
    assert 'BASE: "HEAD" cannot deploy its own stack dev: ' in said.stderr
    assert "registrySku" in said.stderr
    assert "Traceback" not in said.stderr
    clone.require_tidy()


def left_by_a_killed_one(clone: Clone) -> None:
    tree = clone.folder / ".local/review/tree"
    clone.git("worktree", "add", "--quiet", "--detach", str(tree))
    clone.git("worktree", "lock", str(tree))


def left_without_its_files(clone: Clone) -> None:
    left_by_a_killed_one(clone)
    shutil.rmtree(clone.folder / ".local/review/tree")


@pytest.mark.parametrize("left", [left_by_a_killed_one, left_without_its_files])
def test_what_a_killed_review_left_is_no_hindrance(
    clone: Clone, left: Callable[[Clone], None]
) -> None:
    left(clone)

    assert clone.review("HEAD").returncode == 0
    clone.require_tidy()


def test_two_at_once_are_refused(clone: Clone) -> None:
    folder = clone.folder / ".local/review"
    folder.mkdir(parents=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = clone.review("HEAD")
    finally:
        os.close(lock)

    assert said.returncode == 2
    assert "another review in this clone compares with a commit" in said.stderr
