"""Stack outputs made on the spot, and the command line run on them.

Every run is searched for every private key that was made here: none may ever be printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.names import PROJECT

KEY_LINES: set[str] = set()
PASSWORD = "correct horse battery"  # noqa: S105  of files that the tests throw away


def remember_key(pem: str) -> str:
    """From now on no run may print a line of it."""
    KEY_LINES.update(line for line in pem.splitlines() if line and not line.startswith("-----"))
    return pem


@dataclass(frozen=True)
class Ran:
    """What a run of the command line left."""

    code: int
    out: str
    err: str


def run_clients(
    *arguments: object,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    umask: int = -1,
) -> Ran:
    """`python -m clients`, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "clients", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, **(env or {})},
        umask=umask,
        start_new_session=True,
    )
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    no_key_in(ran.out + ran.err)
    assert "Traceback" not in ran.err, ran.err
    return ran


def no_key_in(text: str) -> None:
    # Not as an assertion on the text: pytest would print what must not be printed.
    assert not any(line in text for line in KEY_LINES), "a private key was printed"


def refused(ran: Ran, *words: str) -> None:
    """It was refused in one sentence that has these words, and said nothing else."""
    said = [line for line in ran.err.splitlines() if not line.startswith("Reading the outputs")]
    assert (ran.code, ran.out) == (2, ""), ran
    assert len(said) == 1, said
    assert said[0].startswith("error: ")
    for word in words:
        assert word in said[0], said[0]


def tool(name: str) -> str:
    """A program that the tests need, by its path."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not on PATH; type `make test-clients`, which installs it")
    return path


@dataclass
class MadeAuthority:
    """A CA of a stack."""

    common_name: str = "demo CA"
    may_sign: bool = True
    """Whether its certificate says that it is a CA's."""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        name = _name(self.common_name)
        self.certificate = (
            _builder(name, name, self.key, timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=self.may_sign, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.pem = _pem(self.certificate)

    def issue(
        self, name: str, ends_in: timedelta = timedelta(days=365), generation: float | None = None
    ) -> dict[str, Any]:
        """An entry of the output `clientCertificates`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(name), self.certificate.subject, key, ends_in)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
        return {
            "certificatePem": _pem(certificate),
            "privateKeyPem": remember_key(pem),
            "serialNumber": f"{certificate.serial_number:X}",
            "notAfter": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            **({} if generation is None else {"generation": generation}),
        }


@dataclass
class MadeStack:
    """The outputs of a stack, in a file as Pulumi writes it."""

    folder: Path
    authority: MadeAuthority = field(default_factory=MadeAuthority)

    def __post_init__(self) -> None:
        self.outputs: dict[str, Any] = {
            "endpoint": {
                "version": 1,
                "url": "https://demo.example.com",
                "predictUrl": "https://demo.example.com/v1/models/demo:predict",
                "fqdn": "demo-abc123.westeurope.azurecontainer.io",
                "serverName": "demo.example.com",
                "caCertificatesPem": self.authority.pem,
                "auth": "mtls",
                "modelName": "demo",
                "modelImage": f"registry.example.com/model@sha256:{'0' * 64}",
            },
            "clientCertificates": {n: self.authority.issue(n) for n in ("alice", "bob")},
            "certificates": [],
        }

    @property
    def endpoint(self) -> dict[str, Any]:
        return dict(self.outputs["endpoint"])

    @property
    def clients(self) -> dict[str, Any]:
        made: dict[str, Any] = self.outputs["clientCertificates"]
        return made

    @property
    def file(self) -> Path:
        path = self.folder / "outputs.json"
        path.write_text(json.dumps(self.outputs))
        return path

    def bundle(
        self, out: Path, client: str = "alice", *more: object, password: str | None = None
    ) -> Ran:
        """`python -m clients bundle`, with client.p12 only where there is a password."""
        source: Sequence[str] = ["--no-p12"] if password is None else ["--password-stdin"]
        given = ["bundle", "--outputs", self.file, "--client", client, "--out", out, *source, *more]
        return run_clients(*given, stdin=f"{password}\n".encode() if password else b"")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Everything in a folder: path to mode and content, of links where they lead."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted([folder, *folder.rglob("*")]):
        mode = path.lstat().st_mode
        content = os.readlink(path) if path.is_symlink() else b""
        found[str(path)] = (mode, path.read_bytes() if path.is_file() else content)
    return found


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, ends_in: timedelta
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + ends_in
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=3650))
        .not_valid_after(end)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
