"""Fixtures of the review's tests: those of the engine's."""

from __future__ import annotations

from tests.engine.conftest import _recorded_dev, deployed_dev

__all__ = ["_recorded_dev", "deployed_dev"]
