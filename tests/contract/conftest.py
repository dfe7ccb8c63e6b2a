"""The program is run as the unit tests run it."""

from __future__ import annotations

from tests.unit.conftest import _a_machine_with_docker

__all__ = ["_a_machine_with_docker"]
