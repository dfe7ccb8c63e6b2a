"""The stack `local` for real, from the first `up` to `down`: containers run, and stop running.

The tests of this file are one story, told in order on one deployment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from clients.bundle import write_bundle
from clients.predict import example, predict
from common.names import PROJECT
from localcloud.__main__ import explain
from localcloud.home import Home
from localcloud.stack import LocalStack, opened, plain
from tests.conftest import free_ports, shared_home
from tests.engine.engine import up


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return shared_home(tmp_path_factory.mktemp("life"))


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return {**free_ports()}


@pytest.fixture
def local(home: Home, config: dict[str, Any]) -> Iterator[LocalStack]:
    with opened("local", home=home, config=config) as opened_stack:
        yield opened_stack


def call(local: LocalStack, folder: Path) -> list[Any]:
    outputs = plain(local.stack.outputs())
    for client, certificate in outputs["clientCertificates"].items():
        write_bundle(folder / client, client, outputs["endpoint"], certificate)
    return predict(folder / "alice", [[10.0], [9.0]])


def processes(home: Home) -> list[psutil.Process]:
    """Everything that runs in a home: by its folder, or because something there started it."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            folder = process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if folder.startswith(str(home.folder)) or str(home.folder) in " ".join(
            process.info["cmdline"] or []
        ):
            found.append(process)
    return found


def started_at(local: LocalStack) -> dict[str, str]:
    """When each container was started, as the engine's state has it."""
    exported = local.stack.export_stack().deployment or {}
    group = next(r for r in exported["resources"] if r["urn"].endswith("::endpoint-group"))
    containers = group["outputs"]["containers"]
    return {c["name"]: c["instanceView"]["currentState"]["startTime"] for c in containers}


def test_up_puts_an_endpoint_there_that_answers(local: LocalStack, tmp_path: Path) -> None:
    operations = up(local).operations

    assert set(operations.values()) == {"create"}
    assert call(local, tmp_path) == [[19.0], [17.0]]


def test_a_second_up_changes_nothing_and_restarts_nothing(
    local: LocalStack, tmp_path: Path
) -> None:
    before = local.groups.instance_view(local.container_groups()[0])

    assert up(local).operations == {}
    assert local.groups.instance_view(local.container_groups()[0]) == before
    assert call(local, tmp_path) == [[19.0], [17.0]]


def test_what_up_prints_works_as_printed(
    local: LocalStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(local, tmp_path)
    bundle = tmp_path / "alice"
    explain(bundle, local.stack.outputs()["endpoint"].value, example(bundle))
    printed = capsys.readouterr().out
    shell = printed.split("With curl:")[1].split("Again:")[0]

    curl = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True)

    assert json.loads(curl.stdout) == {"predictions": [[19.0], [17.0]]}
    assert "make down" in printed


def test_the_key_of_a_bundle_is_for_its_owner_only(local: LocalStack, tmp_path: Path) -> None:
    call(local, tmp_path)

    assert (tmp_path / "alice" / "client.key").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" not in (tmp_path / "alice" / "endpoint.json").read_text()


def test_a_client_more_is_let_in_and_the_first_one_still_is(
    home: Home, config: dict[str, Any], tmp_path: Path
) -> None:
    clients = [{"name": "alice"}, {"name": "bob"}]
    with opened("local", home=home, config={**config, "clients": clients}) as local:
        assert up(local).operations["endpoint-group"] == "update"
        assert call(local, tmp_path) == [[19.0], [17.0]]
        assert predict(tmp_path / "bob", [[1.0]]) == [[1.0]]


def test_a_client_less_is_refused_although_its_certificate_is_still_valid(
    local: LocalStack, tmp_path: Path
) -> None:
    import httpx  # noqa: PLC0415

    outputs = plain(local.stack.outputs())
    bob = outputs["clientCertificates"]["bob"]
    write_bundle(tmp_path / "bob", "bob", outputs["endpoint"], bob)

    up(local)

    with pytest.raises(httpx.HTTPStatusError) as refused:
        predict(tmp_path / "bob", [[1.0]])
    assert refused.value.response.status_code == httpx.codes.FORBIDDEN
    assert call(local, tmp_path) == [[19.0], [17.0]]


def models(home: Home) -> list[psutil.Process]:
    """The first process of each model's container; the others are its children."""
    return [p for p in processes(home) if p.cmdline()[-2:] == ["-m", "model_server"]]


def test_refresh_sees_a_killed_container_and_the_platform_starts_it_again(
    home: Home, local: LocalStack, tmp_path: Path
) -> None:
    local.stack.refresh()
    before = started_at(local)
    (model,) = models(home)
    time.sleep(1)  # Azure's times are in seconds
    os.kill(model.pid, signal.SIGKILL)
    _eventually(lambda: next(p for p in models(home) if p.pid != model.pid))
    _await(lambda: local.groups.group(local.container_groups()[0]).states()["model"], "Running")

    local.stack.refresh()

    assert started_at(local)["model"] > before["model"]
    assert started_at(local)["sidecar"] == before["sidecar"]
    assert _eventually(lambda: call(local, tmp_path)) == [[19.0], [17.0]]
    assert up(local).operations == {}


def test_up_starts_a_group_again_that_an_outage_stopped(
    home: Home, local: LocalStack, tmp_path: Path
) -> None:
    """Also where containers outlived the supervisor that would have stopped them."""
    killed = [p for p in processes(home) if "supervisord" in " ".join(p.cmdline())]
    assert killed
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=5)

    assert up(local).operations == {}
    assert call(local, tmp_path) == [[19.0], [17.0]]


def test_what_a_crash_left_is_put_in_order_by_the_next_up(
    home: Home, config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a power cut in the middle of `up`: a mark, a lock, an orphan in the cloud."""
    with opened("local", home=home, config=config) as local:
        record = local.container_groups()[0]
        orphan = record.id.replace("containerGroups/", "containerGroups/orphan-")
        with local.cloud.changing() as records:
            records[orphan.lower()] = type(record)(
                **{**vars(record), "id": orphan, "inputs": {**record.inputs}}
            )
            records[orphan.lower()].inputs["containerGroupName"] = "orphan"
    (home.folder / "running").write_text("4194304")
    locks = home.folder / "pulumi/state/.pulumi/locks/organization/mtls-model-endpoint/local"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "crashed.json").write_text('{"pid": 4194304, "username": "u", "hostname": "h"}')

    with opened("local", home=home, config=config) as local:
        assert up(local).operations == {}
        assert [r.id for r in local.container_groups()] == [record.id]
        assert call(local, tmp_path) == [[19.0], [17.0]]
    assert "The last run was cut short" in capsys.readouterr().out


def test_a_second_run_at_the_same_time_is_refused(local: LocalStack, home: Home) -> None:
    from common.refusal import Refusal  # noqa: PLC0415

    with (
        pytest.raises(Refusal, match=rf"another run \(process {os.getpid()}\) is working in"),
        opened("local", home=home),
    ):
        pass


def test_the_committed_stack_file_is_never_written_to() -> None:
    for stack in ("local", "dev", "prod"):
        assert "encryptionsalt" not in (PROJECT / f"Pulumi.{stack}.yaml").read_text()


def test_down_leaves_nothing(home: Home, local: LocalStack, config: dict[str, Any]) -> None:
    local.stack.destroy()
    local.remove()

    assert [p for p in processes(home) if p.pid != os.getpid()] == []
    assert local.cloud.all() == []
    assert list(home.groups.iterdir()) == []
    assert list((home.folder / "stacks").iterdir()) == []
    assert not home.bundles.exists()
    assert (
        list((home.folder / "pulumi/state/.pulumi/stacks/mtls-model-endpoint").glob("*.json")) == []
    )


def _await(state: Any, wanted: str) -> None:
    deadline = time.monotonic() + 20
    while state()["state"] != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _eventually(action: Any) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            return action()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
