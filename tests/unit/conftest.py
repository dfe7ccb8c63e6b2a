"""What every unit test runs in: a machine where Docker answers, and nothing of the user's."""

from __future__ import annotations

import os

import pytest

from tests.unit.clock import naps  # noqa: F401  a fixture
from tests.unit.program import ROOT


@pytest.fixture(autouse=True)
def _a_machine_with_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{ROOT / 'localcloud/bin'}:{os.environ['PATH']}")
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
