"""The deployed endpoint, all it takes to attack it, and its sidecar before another model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from localcloud.stack import opened
from tests.conftest import Deployment
from tests.sidecar.peers import Authority, Endpoint, Identity
from tests.sidecar.witness import Witness, witnessed


@pytest.fixture(scope="session")
def endpoint(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    folder = tmp_path_factory.mktemp("peers")
    with opened("local", home=deployment.home, config={**deployment.config}) as local:
        exported = local.stack.export_stack().deployment or {}
    ca_key = (
        next(
            r["outputs"]["privateKeyPem"]["plaintext"]
            for r in exported["resources"]
            if r["urn"].endswith("::ca-key")
        )
        .strip('"')
        .replace("\\n", "\n")
    )
    ca_pem = deployment.outputs["endpoint"]["caCertificatesPem"]
    (folder / "ca.crt").write_text(ca_pem)
    clients = deployment.outputs["clientCertificates"]

    def identity(name: str, *pems: str) -> Identity:
        (folder / f"{name}.pem").write_text("".join(pems))
        return Identity(folder / f"{name}.pem")

    def client(name: str) -> Identity:
        return identity(name, clients[name]["certificatePem"], clients[name]["privateKeyPem"])

    volume = deployment.folder / "volumes/nginx-sidecar"
    key = serialization.load_pem_private_key(ca_key.encode(), password=None)
    return Endpoint(
        port=deployment.port("endpoint"),
        ca_file=folder / "ca.crt",
        authority=Authority(x509.load_pem_x509_certificate(ca_pem.encode()), key, folder),  # type: ignore[arg-type]
        alice=client("alice"),
        bob=client("bob"),
        server=identity(
            "server", (volume / "server.crt").read_text(), (volume / "server.key").read_text()
        ),
        serials={name: certificate["serialNumber"] for name, certificate in clients.items()},
        model_log=deployment.folder / "logs/model.log",
        access_log=deployment.folder / "logs/sidecar.log",
        folder=folder,
    )


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
def witness(deployment: Deployment, endpoint: Endpoint, tmp_path: Path) -> Iterator[Witness]:
    with witnessed(deployment, endpoint, tmp_path) as running:
        yield running
