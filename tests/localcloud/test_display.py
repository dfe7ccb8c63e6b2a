"""A run that was refused says why, and that nothing came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

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
