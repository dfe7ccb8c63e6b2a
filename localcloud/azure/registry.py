"""A registry's front door: trades the deployer's Azure token for one that pushes.

Speaks the one call of Azure Container Registry's protocol that the program makes itself,
`POST /oauth2/exchange`, over real TLS:
https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.names import REGISTRY
from common.refusal import Refusal
from localcloud.azure.cloud import Cloud
from localcloud.files import write


class RegistryServers:
    """One server for each registry, on a port of its own, for as long as the engine runs."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._certificate, self._key = folder / "registry.crt", folder / "registry.key"
        self._servers: dict[str, ThreadingHTTPServer] = {}

    @property
    def certificate(self) -> Path:
        """What a client has to trust; made on first use."""
        if not self._certificate.exists():
            _make_certificate(self._certificate, self._key)
        return self._certificate

    def start_all(self) -> None:
        """Open the doors of the registries that are there from earlier runs."""
        for record in self._cloud.all(REGISTRY):
            self.start(int(record.outputs["loginServer"].rsplit(":", 1)[1]))

    def start(self, port: int = 0) -> str:
        """Open a door; returns the login server.

        Raises:
            Refusal: if another program has taken the port of a registry of an earlier run.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._key)
        try:
            server = _Server(("127.0.0.1", port), _handler(self._cloud))
        except OSError:
            raise Refusal(
                f"port {port} of the registry localhost:{port} is taken on this machine "
                f"(`ss -ltnp 'sport = :{port}'` shows by whom); stop the other program"
            ) from None
        # The handshake is left to the request's own thread: who connects and says nothing must
        # not keep the others, or the end of the run, waiting.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        login_server = f"localhost:{server.server_address[1]}"
        self._servers[login_server] = server
        # How often it looks whether it is to stop, in seconds: a run ends no sooner.
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return login_server

    def stop(self, login_server: str) -> None:
        if server := self._servers.pop(login_server, None):
            server.shutdown()
            server.server_close()

    def stop_all(self) -> None:
        for login_server in list(self._servers):
            self.stop(login_server)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: what a client does wrong is not the deployer's business."""


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = parse_qs(self.rfile.read(length).decode())
            service = (form.get("service") or [""])[0]
            asks_well = (
                self.path == "/oauth2/exchange"
                and form.get("grant_type") == ["access_token"]
                and service == self.headers.get("Host")
            )
            if not asks_well:
                return self._answer(400, {"errors": [{"code": "BAD_REQUEST"}]})
            if form.get("access_token") != [cloud.arm_token]:
                return self._answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
            token = secrets.token_urlsafe(32)
            cloud.push_tokens[token] = service
            return self._answer(200, {"refresh_token": token})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: requests carry tokens."""

    return Handler


def _make_certificate(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry of the local cloud")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write(key_file, pem)
    write(certificate, made.public_bytes(serialization.Encoding.PEM))
