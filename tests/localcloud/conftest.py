"""Fixtures of the tests of what stands in for Azure, Docker and the plugins."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcloud.arm import Arm


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for supervisord's socket; pytest's own may not be."""
    made = Path(tempfile.mkdtemp(prefix="lc-")).resolve()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def arm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arm]:
    monkeypatch.setattr("localcloud.plugins.azure_native.ROLE_ASSIGNMENT_SECONDS", 0)
    made = Arm(folder)
    yield made
    made.close()
