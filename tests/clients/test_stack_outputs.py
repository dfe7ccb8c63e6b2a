"""Reading the outputs of a stack with the real Pulumi, and what is said when that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.names import PROJECT
from localcloud.home import Home
from tests.clients.made import no_key_in, refused, remember_key, run_clients, tool
from tests.conftest import Deployment


@pytest.fixture(scope="session")
def environment(deployment: Deployment) -> dict[str, str]:
    """With which plain `pulumi` sees the deployed stack."""
    for entry in deployment.outputs["clientCertificates"].values():
        remember_key(entry["privateKeyPem"])
    return deployment.home.engine_environment()


def test_a_bundle_of_a_deployed_stack(
    deployment: Deployment, environment: dict[str, str], tmp_path: Path
) -> None:
    given = ("--stack", "local", "--client", "bob", "--out", tmp_path / "bob", "--no-p12")

    ran = run_clients("bundle", *given, env=environment)

    assert ran.code == 0, ran.err
    assert ran.err == "Reading the outputs of stack local ...\n"
    certificate = deployment.outputs["clientCertificates"]["bob"]["certificatePem"]
    assert (tmp_path / "bob/client.crt").read_text() == certificate


def test_the_certificates_of_a_deployed_stack_need_no_secrets(
    deployment: Deployment, environment: dict[str, str]
) -> None:
    without = {k: v for k, v in environment.items() if "PASSPHRASE" not in k}

    ran = run_clients("certificates", "--stack", "local", env=without)

    assert ran.code == 0, ran.err
    for certificate in deployment.outputs["certificates"]:
        assert certificate["serialNumber"] in ran.out


def test_what_pulumi_cannot_do_is_said_with_what_to_do_next(
    environment: dict[str, str], tmp_path: Path
) -> None:
    def bundle(stack: str, **changed: str) -> None:
        given = ("--stack", stack, "--client", "bob", "--out", tmp_path / "bob", "--no-p12")
        refused(run_clients("bundle", *given, env={**environment, **changed}), *words)

    words = ['no stack "nope"', "pulumi stack ls"]
    bundle("nope")
    words = ["passphrase", "PULUMI_CONFIG_PASSPHRASE"]
    bundle("local", PULUMI_CONFIG_PASSPHRASE="")
    words = ["not logged in", "pulumi login", "make bundle"]
    bundle("local", PULUMI_BACKEND_URL="", PULUMI_ACCESS_TOKEN="", PULUMI_HOME=str(tmp_path / "h"))
    words = ["cannot read the outputs", "no such file or directory"]
    bundle("local", PULUMI_BACKEND_URL=f"file://{tmp_path}/nowhere")
    words = ["pulumi is not on PATH", "install", "--outputs"]
    bundle("local", PATH="/nonexistent")
    assert not (tmp_path / "bob").exists()


def test_a_stack_that_was_never_deployed_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    environment = {**os.environ, **home.engine_environment()}
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(PROJECT / "Pulumi.yaml", project)
    subprocess.run(
        [tool("pulumi"), "stack", "init", "fresh"],
        cwd=project,
        env=environment,
        capture_output=True,
        check=True,
    )

    ran = run_clients("certificates", "--stack", "fresh", env=home.engine_environment())

    refused(ran, 'stack "fresh" has no outputs', "pulumi up")


def test_the_local_cloud_can_be_seen_by_plain_pulumi() -> None:
    script = f'eval "$({sys.executable} -m localcloud env)"; exec {sys.executable} -c "$1"'
    program = "import json, os; print(json.dumps(dict(os.environ)))"

    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    import json  # noqa: PLC0415

    seen = json.loads(done.stdout)
    # One by one and by name: the passphrase must not be printed by a failing comparison.
    wanted = Home().engine_environment()
    assert [name for name in wanted if seen.get(name) != wanted[name]] == []
    no_key_in(done.stdout)
