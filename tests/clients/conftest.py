"""Fixtures of the tests of what a consumer uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.made import MadeStack


@pytest.fixture
def stack(tmp_path: Path) -> MadeStack:
    """Outputs of a stack with the clients alice and bob, and nothing deployed."""
    (tmp_path / "stack").mkdir()
    return MadeStack(tmp_path / "stack")
