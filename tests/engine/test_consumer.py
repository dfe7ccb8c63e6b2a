"""A downstream team's program reads the outputs, under the real engine."""

from __future__ import annotations

import base64
import runpy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pulumi import automation

from common.names import PROJECT
from conformance.actors.peers import write_private
from localcloud.stack import LocalStack, opened
from tests.conftest import Deployment
from tests.engine.engine import Recorder, recorded, up

CONSUMER = PROJECT / "clients/consumer"
IMAGE = f"ghcr.io/example/app@sha256:{'a' * 64}"
GROUP = "azure-native:containerinstance:ContainerGroup"
Config = dict[str, Any]


@contextmanager
def consuming(
    producer: LocalStack, folder: Path, client: str, image: str = IMAGE
) -> Iterator[automation.Stack]:
    """The consumer's stack, in the same cloud and on the same backend."""
    environment = producer.stack.workspace.env_vars
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text((CONSUMER / "Pulumi.yaml").read_text())
    stack = automation.create_or_select_stack(
        "app",
        project_name="model-consumer",
        program=_run,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(folder), env_vars=environment, pulumi_home=environment["PULUMI_HOME"]
        ),
    )
    for key, value in {
        "producer": f"organization/mtls-model-endpoint/{producer.stack.name}",
        "client": client,
        "image": image,
        "azure-native:location": "westeurope",
    }.items():
        stack.set_config(key, automation.ConfigValue(value))
    yield stack


def _run() -> None:
    runpy.run_path(str(CONSUMER / "__main__.py"), run_name="__main__")


def volume(local: LocalStack) -> dict[str, str]:
    """The files that the app's container is given."""
    (app,) = (r for r in local.cloud.all(GROUP) if r.stack == "app")
    files = app.inputs["volumes"][0]["secret"]
    return {name: base64.b64decode(content).decode() for name, content in files.items()}


def said(stack: automation.Stack) -> str:
    """What the preview of something impossible says."""
    recorder = Recorder()
    with pytest.raises(automation.CommandError):
        stack.preview(on_event=recorder.on_event)
    return "\n".join(recorder.errors)


def test_the_app_gets_all_it_needs_for_a_prediction(deployment: Deployment, tmp_path: Path) -> None:
    with (
        opened("local", home=deployment.home, config=deployment.config, records_only=True) as local,
        consuming(local, tmp_path / "app", "bob") as stack,
    ):
        try:
            calls = stack.up().outputs["calls"].value
            files = volume(local)
        finally:
            stack.destroy()  # others go on with this cloud

    for name, content in files.items():
        write_private(tmp_path / name, content.encode())
    context = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    with httpx.Client(verify=context, trust_env=False) as http:
        answer = http.post(calls, json={"instances": [[10.0]]})
    assert answer.json() == {"predictions": [[19.0]]}


def test_its_key_is_readable_nowhere(deployed_dev: Path, tmp_path: Path) -> None:
    with recorded(deployed_dev) as local, consuming(local, tmp_path, "alice") as stack:
        outputs = stack.up().outputs
        assert "PRIVATE KEY" in volume(local)["client.key"]
        states = [f for f in (deployed_dev / "pulumi/state").rglob("*app*") if f.is_file()]

    assert states
    hidden = base64.b64encode(b"-----BEGIN EC PRIVATE")[:20]
    for file in states:
        assert b"PRIVATE KEY" not in file.read_bytes()
        assert hidden not in file.read_bytes()
    assert set(outputs) == {"calls", "certificateEnds"}
    assert not any(output.secret for output in outputs.values())


def test_a_rotation_at_the_endpoint_is_seen_in_the_apps_preview(
    deployed_dev: Path, tmp_path: Path
) -> None:
    with recorded(deployed_dev) as local, consuming(local, tmp_path, "alice") as stack:
        stack.up()
        before = volume(local)["client.key"]
    rotated = {"clients": [{"name": "alice", "generations": [1, 2]}]}
    with recorded(deployed_dev, config=rotated) as local:
        up(local)
        with consuming(local, tmp_path, "alice") as stack:
            preview = Recorder()
            stack.preview(on_event=preview.on_event)
            stack.up()
            after = volume(local)["client.key"]

    changed = {name: op for name, op in preview.operations.items() if op != "read"}
    assert changed == {"app": "update"}
    assert set(preview.paths["app"]) == {
        "volumes[0].secret.client.crt",
        "volumes[0].secret.client.key",
    }
    assert before != after


def test_after_the_app_was_taken_out_its_next_preview_says_so(
    deployed_dev: Path, tmp_path: Path
) -> None:
    with recorded(deployed_dev) as local, consuming(local, tmp_path, "alice") as stack:
        stack.up()
        before = volume(local)
    with recorded(deployed_dev, config={"clients": [{"name": "bob"}]}) as local:
        up(local)
        with consuming(local, tmp_path, "alice") as stack:
            told = said(stack)
        after = volume(local)

    assert "knows no client alice: it was taken out" in told
    assert "Traceback" not in told
    assert before == after


@pytest.mark.parametrize(
    ("client", "config", "sentence"),
    [
        ("mallory", {}, "knows no client mallory"),
        ("alice", {"tls": "none"}, "takes calls from anybody (tls: none)"),
    ],
)
def test_what_the_app_cannot_have_is_said_in_a_sentence(
    deployed_dev: Path, tmp_path: Path, client: str, config: Config, sentence: str
) -> None:
    with recorded(deployed_dev, config=config) as local:
        up(local)
        with consuming(local, tmp_path, client) as stack:
            told = said(stack)

    assert sentence in told
    assert "Traceback" not in told


def test_a_producer_that_was_never_deployed_is_named(tmp_path: Path) -> None:
    with recorded(tmp_path / "home") as local, consuming(local, tmp_path, "alice") as stack:
        told = said(stack)

    assert "dev has no output endpoint: it was never deployed" in told
    assert "Traceback" not in told


def test_an_image_by_tag_is_refused(deployed_dev: Path, tmp_path: Path) -> None:
    with (
        recorded(deployed_dev) as local,
        consuming(local, tmp_path, "alice", image="ghcr.io/example/app:latest") as stack,
    ):
        told = said(stack)

    assert "image is ghcr.io/example/app:latest" in told
    assert "Traceback" not in told


def test_outputs_of_another_version_are_not_read(
    deployed_dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("program.outputs._checked", lambda _, value: {**value, "version": 2})
    with recorded(deployed_dev) as local:
        up(local)
        with consuming(local, tmp_path, "alice") as stack:
            told = said(stack)

    assert "has outputs of version 2, and this program reads version 1" in told
