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
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from common.names import PROJECT
from tests.unit.cas import make_ca

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


class MadeAuthority:
    """A CA of a stack, or with `may_sign` False what is taken for one."""

    def __init__(self, common_name: str = "demo CA", *, may_sign: bool = True) -> None:
        self._ca = make_ca(common_name, is_ca=may_sign, may_sign=None)
        self.certificate, self.pem = self._ca.certificate, self._ca.pem

    def issue(
        self, name: str, ends_in: timedelta = timedelta(days=365), generation: float | None = None
    ) -> dict[str, Any]:
        """An entry of the output `clientCertificates`."""
        days = ends_in / timedelta(days=1)
        leaf = make_ca(
            name,
            issuer=self._ca,
            starts=days - 3650,
            ends=days,
            is_ca=False,
            may_sign=None,
            uses=[ExtendedKeyUsageOID.CLIENT_AUTH],
        )
        pem = leaf.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
        return {
            "certificatePem": leaf.pem,
            "privateKeyPem": remember_key(pem),
            "serialNumber": f"{leaf.certificate.serial_number:X}",
            "notAfter": f"{leaf.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
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
