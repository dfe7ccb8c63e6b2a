"""A deployed stack `dev`, in recording mode, for the real engine to judge changes of."""

from __future__ import annotations

from tests.engine.conftest import _recorded_dev, deployed_dev

__all__ = ["_recorded_dev", "deployed_dev"]
