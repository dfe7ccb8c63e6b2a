"""The deployed endpoint, all it takes to attack it, and its sidecar before another model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.actors.peers import Endpoint
from conformance.actors.witness import Witness, witnessed
from tests.conftest import Deployment


@pytest.fixture(scope="session")
def health_port(deployment: Deployment) -> int:
    return deployment.port("health")


@pytest.fixture(scope="session")
def model_port(deployment: Deployment) -> int:
    return deployment.port("model")


@pytest.fixture(autouse=True)
def _logs_are_up_to_date(endpoint: Endpoint) -> None:
    """What the test before asked for is in the model's log, and not taken for this test's."""
    with endpoint.reaching_model():
        pass


@pytest.fixture
def witness(endpoint: Endpoint, tmp_path: Path) -> Iterator[Witness]:
    with witnessed(endpoint, tmp_path) as running:
        yield running
