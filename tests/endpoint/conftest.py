"""The deployed endpoint, with everything that is needed to attack it."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from localcloud.stack import opened
from tests.conftest import Deployment
from tests.endpoint.peers import Authority, Endpoint, Identity


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
