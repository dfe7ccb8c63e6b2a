"""Clients of every kind: the endpoint's own, and those that must not get in.

Everything goes over real sockets to the deployed endpoint, and nothing turns the verification of
the server off.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.control_groups import ControlGroup

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
OUR_NAME = "(the endpoint's own)"


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, in one file as Python's ssl takes it."""

    file: Path


@dataclass
class Authority:
    """Signs whatever it is asked to."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    folder: Path

    @classmethod
    def new(cls, folder: Path, name: x509.Name) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(name, name, key.public_key(), timedelta(0), timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key, folder)

    def issue(
        self,
        *,
        usages: tuple[x509.ObjectIdentifier, ...] = (CLIENT_AUTH,),
        starts_in: timedelta = timedelta(hours=-1),
        ends_in: timedelta = timedelta(hours=1),
        key: CertificateIssuerPrivateKeyTypes | None = None,
        common_name: str = "alice",
    ) -> Identity:
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(
            name, self.certificate.subject, key.public_key(), starts_in, ends_in
        ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return write_identity(self.folder, builder.sign(self.key, hashes.SHA256()), key)


def self_signed(folder: Path, name: x509.Name) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key.public_key(), timedelta(0), timedelta(days=1))
    return write_identity(folder, builder.sign(key, hashes.SHA256()), key)


def write_identity(
    folder: Path, certificate: x509.Certificate, key: CertificateIssuerPrivateKeyTypes
) -> Identity:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"{certificate.serial_number:x}.pem"
    write_private(file, certificate.public_bytes(serialization.Encoding.PEM) + pem)
    return Identity(file)


def write_private(file: Path, content: bytes) -> None:
    """Write what only its owner may read, from its first moment on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as opened:
        opened.write(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, starts_in: timedelta, ends_in: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts_in)
        .not_valid_after(now + ends_in)
    )


@dataclass(frozen=True)
class Answer:
    """What came back, byte for byte, until the other side closed or had nothing more to say."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/1.1 ") else 0

    @property
    def headers(self) -> dict[str, str]:
        lines = self.raw.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
        return {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}

    @property
    def body(self) -> bytes:
        return self.raw.split(b"\r\n\r\n", 1)[-1]

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


@dataclass
class Endpoint:
    """The deployed endpoint, and how to get at it."""

    port: int
    ca_file: Path
    authority: Authority
    """The stack's own CA, with its key out of the stack's state."""
    alice: Identity
    bob: Identity
    carol: Identity
    """May only predict, five times a second and two at a time."""
    server: Identity
    serials: dict[str, str]
    model_log: Path
    access_log: Path
    folder: Path
    name: str = "localhost"
    address: str = "127.0.0.1"
    """What is connected to; for an endpoint elsewhere its name, which is looked up."""
    files: Path | None = None
    """The sidecar's, if they are not those that were deployed."""
    greedy: tuple[Identity, ...] = ()
    """Clients who ask for all they may, where the deployment has them."""
    limits: dict[str, ControlGroup] = field(default_factory=dict)
    """What bounds the containers, by their names; empty where nothing does."""

    @property
    def sees_the_model(self) -> bool:
        """Whether what reaches the model can be read in its log."""
        return self.model_log.exists()

    @property
    def group(self) -> Path:
        """The container group's folder on this machine: its logs, its volumes."""
        return self.model_log.parent.parent

    @property
    def volume(self) -> Path:
        """The sidecar's files."""
        return self.files or self.group / "volumes/nginx-sidecar"

    @property
    def host(self) -> str:
        return f"{self.name}:{self.port}"

    def context(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        if identity:
            context.load_cert_chain(identity.file)
        return context

    def connect(
        self,
        identity: Identity | None,
        *,
        context: ssl.SSLContext | None = None,
        sni: str | None = OUR_NAME,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        context = context or self.context(identity)
        plain = socket.create_connection((self.address, self.port), timeout=10)
        try:
            name = self.name if sni == OUR_NAME else sni
            return context.wrap_socket(plain, server_hostname=name, session=session)
        except BaseException:
            plain.close()
            raise

    def send(self, identity: Identity | None, data: bytes, **options: Any) -> Answer:
        """Send bytes over TLS; returns what comes back until the connection is closed."""
        with self.connect(identity, **options) as connection:
            with contextlib.suppress(OSError):  # it may close before it has read everything
                connection.sendall(data)
            return Answer(read_all(connection))

    def get(
        self, identity: Identity | None, path: str = "/v1/models/demo", **fields: str
    ) -> Answer:
        return self.send(identity, self.request("GET", path, None, **fields))

    def predict(
        self, identity: Identity | None, body: bytes = b'{"instances": [[10.0], [9.0]]}'
    ) -> Answer:
        return self.send(identity, self.request("POST", "/v1/models/demo:predict", body))

    def request(self, method: str, path: str, body: bytes | None = None, **fields: str) -> bytes:
        """A whole request that asks for the connection to be closed after it."""
        headers = {"Host": self.host, "Connection": "close"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")

    def logged(self, answer: Answer, since: int = 0) -> list[dict[str, Any]]:
        """The access log up to the request that was answered so; waits for its line."""
        deadline = time.monotonic() + 10
        while True:
            entries = _entries(read_since(self.access_log, since))
            ids = [entry["request_id"] for entry in entries]
            if (wanted := answer.headers["x-request-id"]) in ids:
                return entries[: ids.index(wanted) + 1]
            assert time.monotonic() < deadline, "the request is not in the access log"
            time.sleep(0.02)

    def model_saw(self, since: int) -> list[dict[str, Any]]:
        """Requests in the model's own log that are not the platform's probes."""
        entries = _entries(read_since(self.model_log, since))
        return [e for e in entries if e["request_id"] or not e["path"].startswith("/health/")]

    @contextlib.contextmanager
    def reaching_model(self) -> Iterator[list[dict[str, Any]]]:
        """Collects what the model logs of the requests in the block.

        A good request is sent after them and waited for in the log, so what came before it would
        be there, too: an empty list means that nothing arrived, not that nobody looked.
        """
        start = self.model_log.stat().st_size
        arrived: list[dict[str, Any]] = []
        yield arrived
        last = self.get(self.alice)
        assert last.status == 200, last.raw
        deadline = time.monotonic() + 10
        while True:
            seen = self.model_saw(start)
            if any(e["request_id"] == last.headers["x-request-id"] for e in seen):
                break
            assert time.monotonic() < deadline, "the good request is not in the model's log"
            time.sleep(0.02)
        arrived += [e for e in seen if e["request_id"] != last.headers["x-request-id"]]


def read_since(log: Path, start: int) -> bytes:
    """What a log holds after byte `start`, also if supervisord has begun a new file since."""
    with log.open("rb") as current:
        if current.seek(0, io.SEEK_END) >= start:
            current.seek(start)
            return current.read()
        before = log.with_name(f"{log.name}.1").read_bytes()[start:]
        current.seek(0)
        return before + current.read()


def _entries(log: bytes) -> list[dict[str, Any]]:
    """The JSON lines of a log, without one that is still being written."""
    complete, _, _ = log.rpartition(b"\n")
    return [json.loads(line) for line in complete.splitlines() if line.startswith(b"{")]


def read_all(connection: socket.socket) -> bytes:
    chunks = []
    with contextlib.suppress(OSError):
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks)
