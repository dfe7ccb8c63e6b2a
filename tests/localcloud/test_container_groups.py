"""A container group from its ARM inputs to processes, and back to what Azure shows of it."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.refusal import Refusal
from localcloud import processes
from tests.localcloud.arm import GROUP, Arm
from tests.localcloud.containers import FOREVER, eventually, running_in

SECRET = {"name": "files", "secret": {"a.key": base64.b64encode(b"the key").decode()}}


def text(file: Path) -> str:
    assert eventually(file.exists)
    return file.read_text()


def test_a_group_is_started_read_updated_and_deleted(arm: Arm) -> None:
    record = arm.create(GROUP, **arm.group(["sh", "-c", f"echo first; {FOREVER}"]))
    log = arm.groups.group(record).log("model")
    assert eventually(lambda: text(log) == "first\n")
    assert arm.said == ["endpoint: starting model"]

    view = arm.plugin.read(record.urn, record.id, record.inputs, {})
    assert view
    assert view["instanceView"] == {"state": "Running"}
    assert view["containers"][0]["instanceView"]["currentState"]["state"] == "Running"

    command = ["sh", "-c", f"echo second; {FOREVER}"]
    arm.update(record, containers=[{**record.inputs["containers"][0], "command": command}])
    assert text(log) == "first\nsecond\n"
    assert arm.said[1:] == ["endpoint: restarting model"]

    arm.delete(record)
    assert running_in(arm.folder / "g") == []
    assert list((arm.folder / "g").iterdir()) == []


def test_a_secret_volume_is_where_the_command_looks_for_it_and_nobody_else_can(arm: Arm) -> None:
    mounts = [{"name": "files", "mountPath": "/etc/files"}]
    command = ["sh", "-c", f'cat "$1"; {FOREVER}', "sh", "/etc/files/a.key"]
    inputs = arm.group(command, volumeMounts=mounts)

    record = arm.create(GROUP, **inputs, volumes=[SECRET])

    group = arm.groups.group(record)
    assert eventually(lambda: group.log("model").read_text() == "the key")
    volume = group.folder / "volumes/files"
    assert volume.stat().st_mode & 0o777 == 0o700
    assert (volume / "a.key").stat().st_mode & 0o777 == 0o600
    assert record.outputs["volumes"] == [{"name": "files", "secret": {}}]


def test_a_file_that_leaves_a_volume_is_gone(arm: Arm) -> None:
    inputs = arm.group(["sh", "-c", FOREVER])
    record = arm.create(GROUP, **inputs, volumes=[SECRET])
    folder = arm.groups.group(record).folder / "volumes/files"

    other = {"name": "files", "secret": {"b.key": base64.b64encode(b"another").decode()}}
    arm.update(record, volumes=[other])

    assert {file.name: file.read_text() for file in folder.iterdir()} == {"b.key": "another"}


def test_a_program_of_the_image_is_run_from_the_image(arm: Arm) -> None:
    inputs = arm.group(["/opt/model/run", "own-tool"])
    root = arm.folder / "image/rootfs"
    for name, script in (("opt/model/run", f"$1; {FOREVER}"), ("usr/bin/own-tool", "echo tool")):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(f"#!/bin/sh\n{script}\n")
        (root / name).chmod(0o755)

    record = arm.create(GROUP, **inputs)

    assert eventually(lambda: arm.groups.group(record).log("model").read_text() == "tool\n")


def test_environment_variables_are_given_secret_or_not(arm: Arm) -> None:
    variables = [{"name": "A", "value": "a"}, {"name": "B", "secureValue": "b"}]
    script = f'echo "$A $B $HOST"; {FOREVER}'
    inputs = arm.group(["sh", "-c", script], environmentVariables=variables)

    record = arm.create(GROUP, **inputs)

    log = arm.groups.group(record).log("model")
    assert eventually(lambda: log.read_text() == "a b 127.0.0.1\n")


def test_a_group_that_did_not_get_ready_leaves_nothing(
    arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows of it: what it leaves would stay for ever, its keys too."""
    monkeypatch.setattr(processes, "START_TIMEOUT_SECONDS", 0.5)
    probe = {"exec": {"command": ["false"]}}
    inputs = arm.group(["sh", "-c", f"echo the reason; {FOREVER}"], readinessProbe=probe)

    with pytest.raises(Refusal, match="the reason"):
        arm.create(GROUP, **inputs, volumes=[SECRET])

    assert arm.cloud.all(GROUP) == []
    assert running_in(arm.folder / "g") == []
    assert list((arm.folder / "g").iterdir()) == []


def test_an_image_from_elsewhere_is_refused_with_what_to_do(arm: Arm) -> None:
    inputs = arm.group(["x"], image="docker.io/library/nginx@sha256:0")

    with pytest.raises(Refusal) as refused:
        arm.create(GROUP, **inputs)

    assert str(refused.value) == (
        "the local cloud runs only images that were built on this machine, and "
        "docker.io/library/nginx@sha256:0 was not; take modelImage.ref out of the stack file, or "
        "deploy to Azure"
    )


def words(process: psutil.Process) -> list[str]:
    """A command line; none of a process that has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


class TestOutages:
    @pytest.fixture
    def record(self, arm: Arm) -> Any:
        return arm.create(GROUP, **arm.group(["sh", "-c", FOREVER]), volumes=[SECRET])

    def outage(self, arm: Arm, record: Any) -> None:
        group = arm.groups.group(record)
        os.kill(int((group.folder / "supervisord.pid").read_text()), signal.SIGKILL)
        assert eventually(lambda: not group.is_running)

    def test_a_group_that_does_not_run_is_read_as_stopped(self, arm: Arm, record: Any) -> None:
        self.outage(arm, record)

        view = arm.plugin.read(record.urn, record.id, record.inputs, {})

        assert view
        assert view["instanceView"] == {"state": "Stopped"}
        assert view["containers"][0]["instanceView"] == {"currentState": {"state": "Terminated"}}

    def test_a_group_comes_back_once_and_with_its_files(self, arm: Arm, record: Any) -> None:
        group = arm.groups.group(record)
        assert not arm.groups.resume(record)
        self.outage(arm, record)
        (group.folder / "volumes/files/a.key").unlink()

        assert arm.groups.resume(record)

        assert group.is_running
        assert (group.folder / "volumes/files/a.key").read_text() == "the key"
        assert sum("supervisord.conf" in words(p) for p in running_in(group.folder)) == 1

    def test_a_group_that_an_outage_stopped_is_deleted_with_its_strays(
        self, arm: Arm, record: Any
    ) -> None:
        self.outage(arm, record)

        arm.delete(record)

        assert running_in(arm.folder / "g") == []
        assert list((arm.folder / "g").iterdir()) == []
