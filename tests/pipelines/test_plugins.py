"""Providers' plugins are there before anybody logs in, whatever else is there already."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from common.names import PROJECT
from tests.clone import Clone

PROVIDERS = ("azure-native", "docker", "random", "tls")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """With all that `make tools` installs: a `pulumi`, and the packages."""
    clone = Clone(tmp_path / "clone")
    (clone.folder / ".venv").symlink_to(PROJECT / ".venv")
    (clone.folder / ".local/tools/bin").mkdir(parents=True)
    return clone


def plugins(clone: Clone, pulumi: str) -> subprocess.CompletedProcess[str]:
    program = clone.folder / ".local/tools/bin/pulumi"
    program.write_text(f"#!/bin/sh\n{pulumi}\n")
    program.chmod(0o755)
    return subprocess.run(
        ["/bin/bash", "scripts/setup.sh", "plugins"],
        cwd=clone.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_beside_a_cli_that_was_there_the_plugins_of_the_sdks_versions_are_installed(
    clone: Clone, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    done = plugins(clone, f'echo "$*" >> {log}; cat')

    assert done.returncode == 0, done.stderr
    assert log.read_text().splitlines() == [
        f"plugin install resource {name} {version(f'pulumi-{name}')}" for name in PROVIDERS
    ]


def test_a_plugin_that_cannot_be_fetched_ends_it_in_one_sentence(clone: Clone) -> None:
    done = plugins(clone, 'case "$*" in *docker*) echo "error: no such host" >&2; exit 255;; esac')

    assert done.returncode == 1
    assert done.stderr == (
        "The provider plugins could not be fetched (error: no such host): "
        "check the network and run make again.\n"
    )


def test_what_deploys_has_the_cli_before_its_plugins() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "plugins"],  # noqa: S607  the user's own make
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [
        "scripts/setup.sh python nginx pulumi",
        "scripts/setup.sh plugins",
    ]
