"""The stack's outputs: the contract with the apps that call the endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins import certificate_pem
from tests.unit.program import STACKS, Deployment, deploy, port
from tests.unit.properties import UNKNOWN, Secret

CLIENTS = {
    "local": ["alice"],
    "dev": ["alice", "ci-smoke-test"],
    "prod": ["billing", "web-shop"],
}


def fqdn(deployment: Deployment) -> str:
    label = deployment["endpoint-group"].inputs["ipAddress"]["dnsNameLabel"]
    return f"{label}.westeurope.azurecontainer.io"


@pytest.mark.parametrize("stack", STACKS)
def test_the_exports_are_these(stack: str) -> None:
    deployment = deploy(stack)
    exports = deployment.exports

    assert set(exports) == {
        "endpoint",
        "clientCertificates",
        "certificates",
        "clientSecrets",
        "resourceGroupName",
        "registryLoginServer",
    }
    assert exports["clientSecrets"] == {}
    assert exports["resourceGroupName"] == deployment["resource-group"].outputs["name"]
    assert exports["registryLoginServer"] == deployment["registry-acr"].outputs["loginServer"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_endpoint_says_where_it_is_and_how_to_be_sure_of_it(stack: str) -> None:
    deployment = deploy(stack)
    name = "localhost" if stack == "local" else fqdn(deployment)
    url = f"https://localhost:{port(stack, 'endpoint')}" if stack == "local" else f"https://{name}"

    assert deployment.exports["endpoint"] == {
        "version": 1,
        "url": url,
        "predictUrl": f"{url}/v1/models/demo:predict",
        "fqdn": fqdn(deployment),
        "serverName": name,
        "caCertificatesPem": certificate_pem("ca@1-certificate"),
        "auth": "mtls",
        "modelName": "demo",
        "modelImage": deployment["model-image-build"].outputs["repoDigest"],
    }


@pytest.mark.parametrize(
    ("overrides", "url"),
    [
        ({}, "https://{fqdn}"),
        ({"endpointPort": 443}, "https://{fqdn}"),
        ({"endpointPort": 8443}, "https://{fqdn}:8443"),
        ({"endpointPort": 80}, "https://{fqdn}:80"),
        ({"serverNames": ["a.example.com", "b.example.com"]}, "https://a.example.com"),
        ({"serverNames": ["a.example.com"], "endpointPort": 8443}, "https://a.example.com:8443"),
        ({"tls": "none"}, "http://{fqdn}:8501"),
        ({"tls": "none", "modelPort": 80}, "http://{fqdn}"),
        ({"tls": "none", "modelPort": 443, "endpointPort": 444}, "http://{fqdn}:443"),
        ({"tls": "none", "serverNames": ["a.example.com"]}, "http://a.example.com:8501"),
    ],
)
def test_the_url_names_the_port_unless_it_is_the_schemes_own(
    overrides: dict[str, Any], url: str
) -> None:
    deployment = deploy("dev", overrides)
    endpoint = deployment.exports["endpoint"]

    assert endpoint["url"] == url.format(fqdn=fqdn(deployment))
    assert endpoint["serverName"] == endpoint["url"].split("/")[2].partition(":")[0]
    assert endpoint["fqdn"] == fqdn(deployment)


def test_the_models_name_is_in_the_url_that_predicts() -> None:
    endpoint = deploy("dev", {"modelName": "Half_Plus-2"}).exports["endpoint"]

    assert endpoint["predictUrl"] == f"{endpoint['url']}/v1/models/Half_Plus-2:predict"
    assert endpoint["modelName"] == "Half_Plus-2"


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_says_what_is_known_and_invents_nothing(stack: str) -> None:
    exports = deploy(stack, preview=True).exports

    assert exports["clientCertificates"] == Secret(UNKNOWN)
    endpoint = exports["endpoint"]
    assert endpoint["fqdn"] is UNKNOWN
    assert endpoint["modelImage"] is UNKNOWN
    assert endpoint["url"] == (
        f"https://localhost:{port(stack, 'endpoint')}" if stack == "local" else UNKNOWN
    )
    assert exports["certificates"] is UNKNOWN
    assert endpoint["caCertificatesPem"] is UNKNOWN
