"""A file that was cut short is named in a sentence, and `make down` works with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.refusal import Refusal
from localcloud import __main__ as command
from localcloud import files
from localcloud.home import Home
from localcloud.processes import Group
from localcloud.stack import opened
from tests.localcloud.containers import FOREVER, container, running_in

CUT_SHORT: dict[str, Callable[[Home], Path]] = {
    "the cloud's resources": lambda home: home.cloud_file,
    "the engine's stack file": lambda home: home.work_folder("local") / "Pulumi.local.yaml",
    "the engine's state": lambda home: next(home.state.rglob("stacks/*/local.json")),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("d"))


def open_(home: Home) -> None:
    with (
        opened("local", home=home, records_only=True, say=lambda _: None) as local,
        local.cloud.changing(),
    ):
        pass


@pytest.mark.parametrize("what", CUT_SHORT)
def test_a_file_cut_short_is_named_and_down_removes_everything(
    what: str, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_(home)
    damaged = CUT_SHORT[what](home)
    content = damaged.read_bytes() or b"x"
    damaged.write_bytes(b"[" + content[: len(content) // 2])
    group = Group(home.groups / "group")
    group.start([container(group.folder, FOREVER)])

    with pytest.raises(Refusal) as refused:
        open_(home)
    monkeypatch.setattr(command, "Home", lambda: home)
    monkeypatch.setattr(sys, "argv", ["localcloud", "down"])
    monkeypatch.setattr(sys.stdout, "reconfigure", lambda **_: None, raising=False)

    assert str(refused.value).startswith(f"{damaged} is damaged")
    assert "type `make down`" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert command.main() == 0
    assert capsys.readouterr().err == ""
    assert running_in(home.folder) == []
    assert list(home.folder.iterdir()) == []
    open_(home)


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    files.write(file, "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(file, "after")

    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.stat().st_mode & 0o777 == 0o600
