"""A deployment on this machine to prove things against, with all that it takes to attack it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conformance.peers import Authority, Endpoint, Identity, write_private
from localcloud.azure.cloud import Record
from localcloud.home import PROJECT, Home
from localcloud.stack import LocalStack, opened, plain

CLIENTS: list[dict[str, Any]] = [
    {"name": "alice"},
    {"name": "bob"},
    {
        "name": "carol",
        "paths": ["/v1/models/demo:predict"],
        "requestsPerSecond": 5,
        "burst": 5,
        "maxConnections": 2,
    },
]


@dataclass(frozen=True)
class Deployment:
    """A stack that was really deployed on this machine."""

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

    @property
    def volume(self) -> Path:
        """The sidecar's files."""
        return self.folder / "volumes/nginx-sidecar"

    def ca_key(self) -> str:
        """The CA's private key as PEM, out of the stack's state."""
        with opened("local", home=self.home, config=self.config, records_only=True) as local:
            exported = local.stack.export_stack().deployment or {}
        stored = next(r for r in exported["resources"] if r["urn"].endswith("::ca@1-key"))
        pem: str = stored["outputs"]["privateKeyPem"]["plaintext"]
        return pem.strip('"').replace("\\n", "\n")

    def endpoint(self, folder: Path) -> Endpoint:
        """How to get at it: identities and the CA's key are written into the folder."""
        (folder / "ca.crt").write_text(
            self.outputs["endpoint"]["caCertificatesPem"], encoding="utf-8"
        )
        clients = self.outputs["clientCertificates"]

        def identity(name: str, *pems: str) -> Identity:
            file = folder / f"{name}.pem"
            write_private(file, "".join(pems).encode())
            return Identity(file)

        def client(name: str) -> Identity:
            return identity(name, clients[name]["certificatePem"], clients[name]["privateKeyPem"])

        key = serialization.load_pem_private_key(self.ca_key().encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        ca = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        return Endpoint(
            port=self.port("endpoint"),
            ca_file=folder / "ca.crt",
            authority=Authority(ca, key, folder),
            alice=client("alice"),
            bob=client("bob"),
            carol=client("carol"),
            server=identity(
                "server",
                (self.volume / "server.crt").read_text(encoding="utf-8"),
                (self.volume / "server.key").read_text(encoding="utf-8"),
            ),
            serials={name: certificate["serialNumber"] for name, certificate in clients.items()},
            model_log=self.folder / "logs/model.log",
            access_log=self.folder / "logs/sidecar.log",
            folder=folder,
        )


def free_ports() -> dict[str, int]:
    """Config values that keep deployments out of each other's way."""
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for held in (a, b, c):
            held.bind(("127.0.0.1", 0))
        numbers = [held.getsockname()[1] for held in (a, b, c)]
    return dict(zip(("endpointPort", "modelPort", "healthPort"), numbers, strict=True))


def shared_home(folder: Path) -> Home:
    """A home of its own that does not build images again."""
    return Home(folder, images=PROJECT / ".local" / "images")


def describe(local: LocalStack) -> Deployment:
    """What is deployed now."""
    outputs = plain(local.stack.outputs())
    return Deployment(local.home, local.config, outputs, local.container_groups()[0])


@contextmanager
def deployed(
    folder: Path, *, say: Callable[[str], None] = print, more: dict[str, Any] | None = None
) -> Iterator[Deployment]:
    """The committed stack `local` with three clients and `more` config while the block lasts."""
    home = shared_home(folder)
    # Whatever the stack file on this machine says of them just now.
    config = {
        **free_ports(),
        "clients": CLIENTS,
        "certificates": {"clockSkewMinutes": 0},
        **(more or {}),
    }
    try:
        with opened("local", home=home, config=config, say=say) as local:
            local.up()
            deployment = describe(local)
        yield Deployment(home, config, deployment.outputs, deployment.group)
    finally:
        with opened("local", home=home, config=config, say=say) as local:
            local.stack.destroy()
            local.remove()


def _ports_of(group: Record) -> dict[str, int]:
    model, sidecar = group.inputs["containers"]
    return {
        "endpoint": sidecar["ports"][0]["port"],
        "health": sidecar["livenessProbe"]["httpGet"]["port"],
        "model": model["livenessProbe"]["httpGet"]["port"],
    }
