"""The stack's outputs: the contract with the apps that call the endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from components.certificates import serial_number
from tests.unit.plugins import certificate_pem, digits, private_key_pem
from tests.unit.program import STACKS, Deployment, deploy
from tests.unit.properties import UNKNOWN, Secret

CLIENTS = {
    "local": ["alice"],
    "dev": ["alice", "ci-smoke-test"],
    "prod": ["billing", "web-shop"],
}
START = "2026-11-21T04:00:00Z"


def fqdn(deployment: Deployment) -> str:
    label = deployment["endpoint-group"].inputs["ipAddress"]["dnsNameLabel"]
    return f"{label}.westeurope.azurecontainer.io"


def end(days: int) -> str:
    return f"after {days * 24} hours"


@pytest.mark.parametrize("stack", STACKS)
def test_the_exports_are_these(stack: str) -> None:
    deployment = deploy(stack)
    exports = deployment.exports

    assert set(exports) == {
        "endpoint",
        "clientCertificates",
        "certificates",
        "resourceGroupName",
        "registryLoginServer",
    }
    assert exports["resourceGroupName"] == deployment["resource-group"].outputs["name"]
    assert exports["registryLoginServer"] == deployment["registry-acr"].outputs["loginServer"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_endpoint_says_where_it_is_and_how_to_be_sure_of_it(stack: str) -> None:
    deployment = deploy(stack)
    name = "localhost" if stack == "local" else fqdn(deployment)
    url = "https://localhost:8443" if stack == "local" else f"https://{name}"

    assert deployment.exports["endpoint"] == {
        "version": 1,
        "url": url,
        "predictUrl": f"{url}/v1/models/demo:predict",
        "fqdn": fqdn(deployment),
        "serverName": name,
        "caCertificatesPem": certificate_pem("ca-certificate"),
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


@pytest.mark.parametrize(("stack", "days"), [("local", 365), ("dev", 30), ("prod", 180)])
def test_each_client_finds_its_certificate_and_key_by_its_name(stack: str, days: int) -> None:
    assert deploy(stack).exports["clientCertificates"] == Secret(
        {
            name: {
                "certificatePem": certificate_pem(f"client-{name}-certificate"),
                "privateKeyPem": private_key_pem(f"client-{name}-key"),
                "serialNumber": serial_number(digits(f"client-{name}-certificate")),
                "notAfter": end(days),
            }
            for name in CLIENTS[stack]
        }
    )


@pytest.mark.parametrize(
    ("stack", "ca", "server", "client"),
    [("local", 3650, 365, 365), ("dev", 365, 90, 30), ("prod", 3650, 365, 180)],
)
def test_the_table_of_certificates_lists_all_of_them_and_no_secret(
    stack: str, ca: int, server: int, client: int
) -> None:
    def row(role: str, name: str, resource: str, days: int) -> dict[str, str]:
        return {
            "role": role,
            "name": name,
            "serialNumber": serial_number(digits(resource)),
            "notBefore": START,
            "notAfter": end(days),
        }

    assert deploy(stack).exports["certificates"] == [
        row("ca", "demo CA", "ca-certificate", ca),
        row("server", "demo", "server-certificate", server),
        *(row("client", n, f"client-{n}-certificate", client) for n in CLIENTS[stack]),
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_says_what_is_known_and_invents_nothing(stack: str) -> None:
    exports = deploy(stack, preview=True).exports

    assert exports["clientCertificates"] == Secret(UNKNOWN)
    endpoint = exports["endpoint"]
    assert endpoint["fqdn"] is UNKNOWN
    assert endpoint["modelImage"] is UNKNOWN
    assert endpoint["url"] == ("https://localhost:8443" if stack == "local" else UNKNOWN)
    assert [row["name"] for row in exports["certificates"]] == ["demo CA", "demo", *CLIENTS[stack]]


def test_an_endpoint_without_clients_lets_nobody_in_and_says_so() -> None:
    deployment = deploy("dev", {"clients": []})

    assert deployment.exports["clientCertificates"] == Secret({})
    assert [row["role"] for row in deployment.exports["certificates"]] == ["ca", "server"]
