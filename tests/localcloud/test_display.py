"""A run that was refused says why, and that nothing came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from localcloud import __main__ as command
from localcloud.display import Display
from localcloud.home import Home
from localcloud.stack import opened

MISTAKES: dict[str, Any] = {"azure-native:location": "westerope", "tls": "off", "modelPort": 0}


@pytest.mark.parametrize("operation", ["preview", "up"])
def test_a_refused_run_counts_nothing_as_made(
    operation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    with opened(
        "local", home=home, config=MISTAKES, records_only=True, say=lambda _: None
    ) as local:
        run = local.stack.preview if operation == "preview" else local.up
        with pytest.raises(automation.CommandError):
            run(on_event=Display(preview=operation == "preview").on_event)

    said = capsys.readouterr()
    assert said.out == "nothing was made or changed\n"
    assert said.err.count("is not allowed") == len(MISTAKES)
    assert "Type: pulumi config set --stack local azure-native:location westeurope" in said.err


def test_a_refused_preview_with_every_property_counts_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_mistakes(stack: str, **how: Any) -> Any:
        return opened(stack, home=Home(tmp_path), config=MISTAKES, say=lambda _: None, **how)

    monkeypatch.setattr(command, "opened", with_mistakes)
    monkeypatch.setattr(Display, "explained", False)
    monkeypatch.setattr("sys.argv", ["localcloud", "preview", "--stack", "local", "--diff"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(command, "use_utf8", lambda: None)
    monkeypatch.setattr("sys.stdout.reconfigure", lambda **_: None, raising=False)

    assert command.main() == 1

    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == ["nothing was made or changed"]
    assert said.err.count("is not allowed") == len(MISTAKES)
