"""Key material: where it may be, and where it must never be."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from common.names import CONTAINER_GROUP, STACK, VAULT_SECRET
from policy.guardrails.rule import (
    FIRST_UP,
    UNKNOWN,
    Config,
    Resource,
    at,
    each,
    of_resource,
    of_stack,
)

# Where a key belongs, by type of resource.
FOR_KEYS = {
    CONTAINER_GROUP: re.compile(r"volumes\[\d+\]\.secret\."),
    VAULT_SECRET: re.compile(r"properties\.value$"),
}
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{16,}={0,2}\s*)+")
KEY = "PRIVATE KEY-----"


@of_resource(
    "no-key-in-the-open",
    severity="critical",
    remedy="Keys belong into the state and, the server's, into the secret volume",
    url="https://learn.microsoft.com/azure/container-instances/container-instances-environment-variables#secure-values",
    config={
        "except": {
            "type": "array",
            "items": {"type": "string"},
            # A key that everybody can compute, to try nginx.conf with: nginx_example.py.
            "default": ["build.args.EXAMPLE_VOLUME"],
        }
    },
)
def _in_the_open(resource: Resource, config: Config) -> Iterator[str]:
    """No private key in an environment variable, a command, a tag or a name."""
    # Their places are the keys themselves, what is signed with them, a secret volume, a vault.
    if resource.type.startswith("tls:"):
        return
    places = FOR_KEYS.get(resource.type)
    for path, text in _texts(resource.props):
        if path in config["except"] or (places and places.match(path)):
            continue
        if KEY in _decoded(text):
            yield f"{resource.name}: there is a private key in {path}"


# Policies are not told what is secret: tests/unit/test_secrets.py sees to that one.
@of_stack(
    "no-key-in-outputs",
    severity="critical",
    remedy="Export keys in clientCertificates only",
    url="https://www.pulumi.com/docs/iac/concepts/secrets/",
    config={
        "except": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["clientCertificates"],
        }
    },
)
def _in_outputs(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """No private key in an output but clientCertificates, which is secret."""
    for stack in (r for r in resources if r.type == STACK):
        for path, text in _texts(stack.props):
            if path.partition(".")[0] not in config["except"] and KEY in _decoded(text):
                yield f"there is a private key in the output {path}"


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def _decoded(text: str) -> str:
    """The text, and what is in it as base64: whole, line by line, in the middle of a command."""
    found = [text]
    for run in _BASE64.findall(text):
        for encoded in ("".join(run.split()), *run.split()):
            plain = encoded.rstrip("=").translate(str.maketrans("-_", "+/"))
            with contextlib.suppress(binascii.Error):
                padded = plain + "=" * (-len(plain) % 4)
                found.append(base64.b64decode(padded).decode(errors="replace"))
    return "\n".join(found)


@of_resource(
    "no-ca-key-in-volume",
    CONTAINER_GROUP,
    severity="critical",
    remedy="Give the sidecar the server's own key",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-8",
    seen=FIRST_UP,
)
def _ca_key_in_volume(group: Resource, _: Config) -> Iterator[str]:
    """No CA's private key is in a container."""
    files = volume_files(group)
    authorities = {
        _public(certificate.public_key())
        for text in files.values()
        for certificate in certificates(text)
        if is_ca(certificate)
    }
    for name, text in files.items():
        if KEY in text and _public_of_private(text) in authorities:
            yield f"{name} in the volume is the private key of a CA"


@of_resource(
    "server-is-no-ca",
    CONTAINER_GROUP,
    severity="critical",
    remedy="Issue a certificate for the server, signed by the CA",
    url="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9",
    seen=FIRST_UP,
)
def _ca_as_server(group: Resource, _: Config) -> Iterator[str]:
    """The server's certificate is a leaf."""
    for certificate in certificates(volume_files(group).get("server.crt", ""))[:1]:
        if is_ca(certificate):
            yield "the server shows a CA's certificate as its own"


def volume_files(group: Resource) -> dict[str, str]:
    """What is known of the files in a group's secret volumes."""
    files = {}
    for volume in each(group.props.get("volumes")):
        secret = volume.get("secret")
        for name, content in secret.items() if isinstance(secret, Mapping) else ():
            if content is not UNKNOWN:
                files[name] = base64.b64decode(content).decode(errors="replace")
    return files


def volume_names(group: Resource) -> set[str]:
    """The names of the files in a group's secret volumes; none where nobody knows them."""
    volumes = each(group.props.get("volumes"))
    return {n for v in volumes if isinstance(s := at(v, "secret"), Mapping) for n in s}


def certificates(text: str) -> list[x509.Certificate]:
    """All certificates in a PEM file; none if there is something else in it."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _public(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _public_of_private(pem: str) -> bytes:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return b""
    return _public(key.public_key())
