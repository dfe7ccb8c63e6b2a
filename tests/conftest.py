"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from conformance.peers import Authority, Endpoint, Identity
from localcloud.azure.cloud import Record
from localcloud.home import PROJECT, Home
from localcloud.stack import opened, plain

# `make` puts the project's own tools on PATH; whoever calls pytest directly gets them too.
os.environ["PATH"] = f"{PROJECT / '.local/tools/bin'}:{os.environ['PATH']}"


@dataclass(frozen=True)
class Deployment:
    """A stack that was really deployed on this machine, for tests that only look at it."""

    home: Home
    config: dict[str, Any]
    outputs: dict[str, Any]
    group: Record

    @property
    def folder(self) -> Path:
        """Of the container group: `logs/<container>.log`, `volumes/nginx-sidecar/…`."""
        return self.home.groups / str(self.group.inputs["containerGroupName"])

    def port(self, key: str) -> int:
        return int(_ports_of(self.group)[key])


def free_ports() -> dict[str, int]:
    """Config values that keep test deployments out of each other's way."""
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for held in (a, b, c):
            held.bind(("127.0.0.1", 0))
        numbers = [held.getsockname()[1] for held in (a, b, c)]
    return dict(zip(("endpointPort", "modelPort", "healthPort"), numbers, strict=True))


def shared_home(folder: Path) -> Home:
    """A home of its own that does not build images again."""
    return Home(folder, images=PROJECT / ".local" / "images")


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The committed stack `local`, with two clients, deployed once for all tests that look on."""
    home = shared_home(tmp_path_factory.mktemp("cloud"))
    config = {**free_ports(), "clients": [{"name": "alice"}, {"name": "bob"}]}
    with opened("local", home=home, config=config) as local:
        result = local.up()
        yielded = Deployment(home, config, plain(result.outputs), local.container_groups()[0])
    yield yielded
    with opened("local", home=home, config=config) as local:
        local.stack.destroy()
        local.remove()


@pytest.fixture(scope="session")
def endpoint(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    folder = tmp_path_factory.mktemp("peers")
    with opened("local", home=deployment.home, config={**deployment.config}) as local:
        exported = local.stack.export_stack().deployment or {}
    ca_key = (
        next(
            r["outputs"]["privateKeyPem"]["plaintext"]
            for r in exported["resources"]
            if r["urn"].endswith("::ca@1-key")
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


def _ports_of(group: Record) -> dict[str, int]:
    model, sidecar = group.inputs["containers"]
    return {
        "endpoint": sidecar["ports"][0]["port"],
        "health": sidecar["livenessProbe"]["httpGet"]["port"],
        "model": model["livenessProbe"]["httpGet"]["port"],
    }
