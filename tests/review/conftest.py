"""Fixtures of the review's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine.engine import recorded, up


@pytest.fixture(scope="session")
def _reviewed_dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed")
    with recorded(folder) as local:
        up(local)
    return folder


@pytest.fixture
def deployed_dev(_reviewed_dev: Path, tmp_path: Path) -> Path:
    """A home in which the stack `dev` was deployed, in recording mode; a copy for each test."""
    return Path(shutil.copytree(_reviewed_dev, tmp_path / "home"))
