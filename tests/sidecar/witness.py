"""The deployed sidecar's own files, run a second time before a model that writes down every byte.

The model's log shows who called and what for, but not which headers and which body arrived. Only
the three port numbers in `nginx.conf` differ from the deployment's.
"""

from __future__ import annotations

import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from conformance.peers import Endpoint
from tests.conftest import Deployment, free_ports

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Arrived:
    """A request as the model got it."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Model:
    """Writes down what it is asked, and answers `answer` whatever it was."""

    port: int
    answer: bytes = OK
    """Nothing: the connection is closed instead."""
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0


@dataclass(frozen=True)
class Witness:
    endpoint: Endpoint
    model: Model


@contextmanager
def witnessed(deployment: Deployment, endpoint: Endpoint, folder: Path) -> Iterator[Witness]:
    ports = free_ports()
    shutil.copytree(deployment.folder / "volumes/nginx-sidecar", folder / "volume")
    configuration = folder / "volume/nginx.conf"
    text = configuration.read_text()
    for key, number in ports.items():
        old = deployment.port(key.removesuffix("Port"))
        text = re.sub(rf"\b{old}\b", str(number), text)
    configuration.write_text(text)
    command = ["nginx", "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
    log = folder / "nginx.log"
    with _serving(ports["modelPort"]) as model, log.open("wb") as output:
        nginx = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _await_port(ports["healthPort"], nginx)
            yield Witness(replace(endpoint, port=ports["endpointPort"], access_log=log), model)
        finally:
            nginx.terminate()
            nginx.wait(10)


@contextmanager
def _serving(port: int) -> Iterator[Model]:
    model = Model(port)

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            model.connections += 1
            while request := _read(self.rfile):
                model.arrived.append(request)
                if not model.answer:
                    return
                self.wfile.write(model.answer)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Conversation) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield model
        finally:
            server.shutdown()


def _read(stream: object) -> Arrived | None:
    lines = []
    while line := stream.readline().rstrip(b"\r\n").decode("latin-1"):  # type: ignore[attr-defined]
        lines.append(line)
    if not lines:
        return None
    headers = [(name, value) for name, _, value in (x.partition(": ") for x in lines[1:])]
    length = int({k.lower(): v for k, v in headers}.get("content-length", 0))
    return Arrived(lines[0], headers, stream.read(length))  # type: ignore[attr-defined]


def _await_port(port: int, nginx: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            assert nginx.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
