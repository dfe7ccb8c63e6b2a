"""`tls: none`, the throw-away trial over plain HTTP: what is left out, and what is then public."""

from __future__ import annotations

import pytest

from tests.unit.program import Deployment, deploy, port
from tests.unit.properties import Secret
from tests.unit.test_resources import MODEL_BUILD, WITHOUT_TLS, found


@pytest.fixture(params=["local", "dev"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return deploy(request.param, {"tls": "none"})


def test_there_is_neither_a_sidecar_nor_any_certificate(deployment: Deployment) -> None:
    assert found(deployment) == WITHOUT_TLS | MODEL_BUILD


def test_the_models_port_is_the_public_one(deployment: Deployment) -> None:
    inputs = deployment["endpoint-group"].inputs
    (model,) = inputs["containers"]

    assert model["name"] == "model"
    (public,) = model["ports"]
    assert public["port"] in {port(stack, "model") for stack in ("local", "dev")}
    assert inputs["ipAddress"]["ports"] == [public]
    assert inputs["volumes"] == []


def test_clients_are_told_that_nobody_is_checked(deployment: Deployment) -> None:
    exports = deployment.exports

    assert exports["endpoint"]["auth"] == "none"
    assert exports["endpoint"]["caCertificatesPem"] == ""
    assert exports["endpoint"]["url"].startswith("http://")
    assert exports["certificates"] == []
    assert exports["clientCertificates"] == Secret({})


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_the_group_still_pulls_with_its_identity_when_it_may(stack: str) -> None:
    group = deploy(stack, {"tls": "none"}, preview=True)["endpoint-group"]

    assert group.waits_for == {"registry-acr-pull"}
