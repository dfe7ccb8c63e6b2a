"""The deployed sidecar's own files, run a second time: before another model, or with a change.

A model's log shows who called and what for, but not which headers and which body arrived, and a
model that works cannot be made to fail. So a copy of the sidecar runs before a stand-in. Only the
port numbers in `nginx.conf` differ from the deployment's, and what `change` makes of it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from pathlib import Path

from conformance.actors.peers import Endpoint
from conformance.actors.ports import unused_ports

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
Change = Callable[[str], str]


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
    first: list[bytes] = field(default_factory=list)
    """Answers that are given before `answer`, each once."""
    seconds: float = 0
    """How long it thinks before each answer."""
    stays: bool = True
    """Whether it keeps the connection after an answer."""
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0


@dataclass(frozen=True)
class Witness:
    endpoint: Endpoint
    model: Model


@contextmanager
def witnessed(
    endpoint: Endpoint,
    folder: Path,
    change: Change = str,
    *,
    log: Path | None = None,
    listens: bool = True,
) -> Iterator[Witness]:
    """The sidecar before a stand-in for the model, which `serving` starts later if not now."""
    model = Model(unused_ports(1)[0])
    with sidecar(endpoint, folder, change, model_port=model.port, log=log) as copy:
        if not listens:
            yield Witness(copy, model)
            return
        with serving(model):
            yield Witness(copy, model)


@contextmanager
def sidecar(
    endpoint: Endpoint,
    folder: Path,
    change: Change = str,
    *,
    model_port: int | None = None,
    log: Path | None = None,
) -> Iterator[Endpoint]:
    """A copy of the sidecar, before the deployed model unless another port is given."""
    shutil.copytree(endpoint.volume, folder / "volume")
    configuration = folder / "volume/nginx.conf"
    text = configuration.read_text(encoding="utf-8")
    mine, health = unused_ports(2)
    ports = {"listen {} ssl": mine, "listen {} default_server": health}
    if model_port:
        ports["server 127.0.0.1:{}"] = model_port
    for directive, port in ports.items():
        (old,) = set(re.findall(rf"\b{directive.format('([0-9]+)')}", text))
        text = re.sub(rf"\b{old}\b", str(port), text)
    changed = change(text)
    assert (changed != text) == (change is not str), "the change found nothing to change"
    configuration.write_text(changed, encoding="utf-8")
    # Root's workers would be somebody's who cannot get at this folder, where bodies wait.
    user = "" if os.getuid() else " user root;"
    command = ["nginx", "-p", str(folder), "-c", str(configuration), "-g", f"daemon off;{user}"]
    log = log or folder / "nginx.log"
    with log.open("wb") as output:
        nginx = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _await_port(health, nginx)
        yield replace(endpoint, port=mine, access_log=log, files=folder / "volume")
    finally:
        nginx.terminate()
        nginx.wait(10)


@contextmanager
def serving(model: Model) -> Iterator[None]:
    """The stand-in listens; after the block it is gone, with all its connections."""
    open_now: set[socket.socket] = set()

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            model.connections += 1
            open_now.add(self.connection)
            while request := _read(self.rfile):
                model.arrived.append(request)
                time.sleep(model.seconds)
                answer = model.first.pop(0) if model.first else model.answer
                if not answer:
                    return
                self.wfile.write(answer)
                if not model.stays:
                    return

        def finish(self) -> None:
            open_now.discard(self.connection)
            super().finish()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """The client has gone, which is what some cases are about."""

    with Server(("127.0.0.1", model.port), Conversation) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            for connection in list(open_now):
                server.shutdown_request(connection)


def _read(stream: BufferedIOBase) -> Arrived | None:
    lines = []
    while line := stream.readline().rstrip(b"\r\n").decode("latin-1"):
        lines.append(line)
    if not lines:
        return None
    headers = [(name, value) for name, _, value in (x.partition(": ") for x in lines[1:])]
    length = int({k.lower(): v for k, v in headers}.get("content-length", 0))
    return Arrived(lines[0], headers, stream.read(length))


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
