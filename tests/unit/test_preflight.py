"""Docker is looked at before the first resource: every image is built or copied with it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.program import Deployment, config_of, run_committed

PREBUILT = {"modelImage": {"ref": f"registry.example.com/model@sha256:{'0' * 64}"}}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def docker(path: Path, script: str) -> None:
    executable = path / "docker"
    executable.write_text(f"#!/bin/sh\n{script}\n")
    executable.chmod(0o755)


def deployed(overrides: dict[str, Any] | None = None) -> Deployment:
    return run_committed("dev", config_of("dev", overrides))


def refusal() -> str:
    deployment = deployed()
    assert deployment.names == set()
    assert deployment.error is not None
    assert type(deployment.error).__name__ == "RunError"  # printed without a traceback
    return str(deployment.error)


def not_answering(reason: str) -> str:
    return (
        f"docker: the engine does not answer ({reason}), and the images are built with it. Start "
        "Docker Desktop, or type `sudo systemctl start docker`, and run this again."
    )


def test_an_engine_that_answers_is_all_that_is_asked_for(path: Path) -> None:
    docker(path, f'echo "$@" >>{path}/asked; echo 27.0.1')

    assert deployed().error is None

    assert (path / "asked").read_text() == "version --format {{.Server.Version}}\n"


@pytest.mark.usefixtures("path")
def test_without_docker_nothing_is_registered() -> None:
    assert refusal() == (
        "docker: the command is not on PATH, and the images are built with it. Install Docker, "
        "https://docs.docker.com/engine/install/, and run this again."
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo 'Cannot connect to the Docker daemon. Is it running?' >&2; exit 1",
            "Cannot connect to the Docker daemon. Is it running?",
        ),
        ("printf 'a warning\\nthe error\\n\\n' >&2; exit 125", "the error"),
        ("exit 1", "no reason given"),
        ("echo 'printed, but not as an error'; exit 1", "no reason given"),
    ],
)
def test_an_engine_that_fails_is_quoted(path: Path, script: str, reason: str) -> None:
    docker(path, script)

    assert refusal() == not_answering(reason)


def test_an_engine_that_says_nothing_is_not_waited_for_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(path, "exec /bin/sleep 60")
    patience, real = [], subprocess.run

    def impatient(*arguments: Any, timeout: float, **options: Any) -> Any:
        patience.append(timeout)
        return real(*arguments, timeout=0.2, **options)

    monkeypatch.setattr(subprocess, "run", impatient)

    assert refusal() == not_answering("no answer within 30 seconds")
    assert patience == [30]


def test_a_warning_of_an_engine_that_answers_does_no_harm(path: Path) -> None:
    docker(path, "echo 'a warning' >&2; echo 27.0.1")

    assert deployed().error is None


@pytest.mark.parametrize("overrides", [{}, PREBUILT, {"tls": "none"}, {"tls": "none", **PREBUILT}])
def test_docker_is_asked_whatever_is_deployed(path: Path, overrides: dict[str, Any]) -> None:
    docker(path, f"echo asked >{path}/asked")

    assert deployed(overrides).error is None

    assert (path / "asked").exists()


@pytest.mark.usefixtures("path")
def test_a_stack_file_that_is_wrong_is_refused_before_docker_is_looked_for() -> None:
    assert str(deployed({"endpointPort": 0}).error).startswith("Pulumi.dev.yaml cannot be")


def test_a_docker_that_is_no_program_is_one_sentence(path: Path) -> None:
    (path / "docker").write_bytes(b"\x7fELF but not for here")
    (path / "docker").chmod(0o755)

    assert "docker: the engine does not answer (`docker` cannot be run: Exec format" in refusal()
