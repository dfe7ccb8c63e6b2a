"""Bundles for the client, good ones and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization as form

from clients.bundle import write_bundle
from conformance.actors.forgery import holder
from conformance.actors.peers import Authority, Endpoint, write_private
from tests.conftest import Deployment

DOUBLED = [[10.0], [9.0]], [[19.0], [17.0]]
"""What the model is asked, and what it says."""


def handed_out(deployment: Deployment, folder: Path, client: str = "alice") -> Path:
    """The bundle that the stack has for a client, written as its own tool writes it."""
    certificates = deployment.outputs["clientCertificates"]
    write_bundle(folder, client, deployment.outputs["endpoint"], certificates[client])
    return folder


def bundle(
    folder: Path,
    endpoint: Endpoint,
    leaf: Authority | None = None,
    *,
    ca_file: Path | None = None,
    url: str | None = None,
    client: str = "alice",
) -> Path:
    """A bundle of alice's, or of anyone who has another certificate, for any server."""
    leaf = leaf or holder(endpoint.alice)
    url = url or f"https://{endpoint.host}"
    folder.mkdir()
    told: dict[str, Any] = {
        "client": client,
        "url": url,
        "predictUrl": f"{url}/v1/models/demo:predict",
        "serverName": endpoint.name,
    }
    (folder / "endpoint.json").write_text(json.dumps(told))
    (folder / "ca.crt").write_bytes((ca_file or endpoint.ca_file).read_bytes())
    (folder / "client.crt").write_bytes(leaf.certificate.public_bytes(form.Encoding.PEM))
    key = leaf.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    write_private(folder / "client.key", key)
    return folder


def answer(status: int, told: object) -> bytes:
    """As a model sends it."""
    body = json.dumps(told).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body
