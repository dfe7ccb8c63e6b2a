"""What has to be there on the deployer's machine, looked at before the first resource."""

from __future__ import annotations

import shutil
import subprocess

import pulumi


def check() -> None:
    """Make sure that images can be built, or copied.

    The docker provider notices a missing engine too, but only while other resources are already
    being created.

    Raises:
        pulumi.RunError: if the `docker` command is missing or its engine does not answer.
    """
    if shutil.which("docker") is None:
        raise pulumi.RunError(
            "docker: the command is not on PATH, and the images are built with it. Install "
            "Docker, https://docs.docker.com/engine/install/, and run this again."
        )
    try:
        answer = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],  # noqa: S607
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=30,
        )
        reason = "" if answer.returncode == 0 else answer.stderr.strip() or "no reason given"
    except subprocess.TimeoutExpired:
        reason = "no answer within 30 seconds"
    except OSError as error:  # a program of another system, or one without its interpreter
        reason = f"`docker` cannot be run: {error.strerror}"
    if reason:
        raise pulumi.RunError(
            f"docker: the engine does not answer ({reason.splitlines()[-1]}), and the images are "
            "built with it. Start Docker Desktop, or type `sudo systemctl start docker`, and run "
            "this again."
        )
