"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from common.names import PROJECT
from conformance.actors.peers import Endpoint
from conformance.local import (
    Deployment,
    deployed,
    deployed_within_limits,
    free_ports,
    shared_home,
)

__all__ = ["Deployment", "free_ports", "shared_home"]

# `make` puts the project's own tools on PATH; anyone who calls pytest directly gets them too.
os.environ["PATH"] = f"{PROJECT / '.local/tools/bin'}:{os.environ['PATH']}"


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The committed stack `local`, deployed once for all tests that only look at it."""
    with deployed(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="session")
def endpoint(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return deployment.endpoint(tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint whose containers have the memory and CPU they ask Azure for, and no more."""
    with deployed_within_limits(tmp_path_factory.mktemp("limited")) as running:
        yield running.endpoint(tmp_path_factory.mktemp("peers"))
