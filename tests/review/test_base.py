"""Reviews against another commit, in a clone of its own, under the real engine."""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from review.base import _PROGRAM
from tests.clone import Clone


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


def test_the_base_is_asked_for_nothing_that_earlier_commits_lack() -> None:
    """What else this project has may stand elsewhere, or nowhere, in the commit to compare with."""
    imported = {
        name
        for node in ast.walk(ast.parse(_PROGRAM))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
        )
    }

    assert imported == {"sys", "pathlib", "pulumi", "localcloud.home", "localcloud.stack"}


def test_the_base_is_deployed_by_its_own_program(clone: Clone) -> None:
    """With the tag in both programs, or in neither, the review would find nothing."""
    program = clone.folder / "__main__.py"
    before = program.read_text()
    program.write_text(before.replace("tags=cfg.all_tags", "tags={'a': 'b'}"))
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
    said = clone.review(base, stack)

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


@pytest.mark.parametrize("provider", ["azurekeyvault://v.vault.azure.net/keys/k", "passphrase"])
def test_a_stack_file_that_somebody_else_encrypts_needs_nobody_while_it_has_no_secret(
    clone: Clone, provider: str
) -> None:
    file = clone.folder / "Pulumi.dev.yaml"
    encrypted = f"secretsprovider: {provider}\nencryptedkey: a2V5\nencryptionsalt: v1:a:b\n"
    file.write_text(encrypted + file.read_text())
    clone.commit()

    said = clone.review("HEAD")

    assert said.returncode == 0, said.stderr
    assert "nothing changes" in said.stdout


def test_a_secret_that_a_key_vault_encrypts_is_refused(clone: Clone) -> None:
    file = clone.folder / "Pulumi.dev.yaml"
    added = "  mtls-model-endpoint:x:\n    secure: abc\n"
    vault = "azurekeyvault://v.vault.azure.net/keys/k"
    file.write_text(f"secretsprovider: {vault}\n{file.read_text()}{added}")

    said = clone.run("review", "--stack", "dev", "--local")

    assert said.returncode == 2
    assert said.stderr == (
        f"error: Pulumi.dev.yaml holds secrets that only {vault} decrypts, so there is no local "
        "cloud for it; use `pulumi` itself where you are logged in\n"
    )


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
