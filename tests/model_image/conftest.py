"""Builds the model image as Docker would, without Docker, and runs its real command."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker.utils.build import exclude_paths

from conformance.actors.ports import unused_ports

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "model_image"
CACHE = ROOT / ".local" / "test-images" / "model"

# A pool that has more than it may keep closes a connection that a thread was just handed:
# https://github.com/encode/httpcore/issues/1110
KEEPING = httpx.Limits(max_connections=None, max_keepalive_connections=None)

StartServer = Callable[..., "Server"]
BuildImage = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    stdout: Path
    stderr: Path

    def wait_until(self, path: str, status: int) -> httpx.Response:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.stderr.read_text()
            try:
                response = httpx.get(self.url + path, timeout=5)
            except httpx.ConnectError:
                time.sleep(0.02)
                continue
            if response.status_code == status:
                return response
            time.sleep(0.02)
        pytest.fail(f"{path} did not answer {status}: {self.stderr.read_text()}")

    def predict(self, body: object, version: int | None = None) -> httpx.Response:
        path = "/v1/models/model" if version is None else f"/v1/models/model/versions/{version}"
        return httpx.post(f"{self.url}{path}:predict", json=body, timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def log_of(self, request_id: str) -> dict[str, Any]:
        """The request's line. It is written right after the answer, so it may be a moment away."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lines = [json.loads(line) for line in self.stdout.read_text().splitlines()]
            for line in lines:
                if line["request_id"] == request_id:
                    return dict(line)
            time.sleep(0.02)
        pytest.fail(f"no line of request {request_id} in the log")


def run_build(
    source: Path, destination: Path, **arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a copy's build.sh as the local cloud does."""
    return subprocess.run(
        [source / "build.sh"],
        env={**os.environ, **arguments, "DESTDIR": str(destination)},
        capture_output=True,
        text=True,
        check=False,
    )


def source_files() -> list[Path]:
    """What Docker sends to a build, and the two files that it reads itself."""
    patterns = (SOURCE / ".dockerignore").read_text().splitlines()
    sent = exclude_paths(str(SOURCE), patterns)
    files = {SOURCE / name for name in (*sent, "Dockerfile", ".dockerignore")}
    return sorted(path for path in files if path.is_file())


def cached(name: str, inputs: list[Path], make: Callable[[Path], None]) -> Path:
    """What `make` makes, kept until one of its inputs or the Python version changes."""
    digest = hashlib.sha256(sys.version.encode())
    for path in inputs:
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    wanted = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    if not wanted.exists():
        # Made elsewhere and then renamed, so that what is there is complete.
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".unfinished-") as unfinished:
            made = Path(unfinished) / name
            make(made)
            for outdated in CACHE.glob(f"{name}-*"):  # an image takes 160 MB
                shutil.rmtree(outdated, ignore_errors=True)
            with contextlib.suppress(OSError):  # another run was first
                made.rename(wanted)
    return wanted


@pytest.fixture(scope="session")
def image() -> Path:
    """The installed server: what the container has at /opt/model-server."""

    def make(destination: Path) -> None:
        built = run_build(SOURCE, destination)
        assert built.returncode == 0, built.stdout + built.stderr

    return cached("image", source_files(), make) / "opt" / "model-server"


@pytest.fixture(scope="session")
def other_models() -> Path:
    """Model directories beside the demo's; see make_models.py."""
    script = Path(__file__).with_name("make_models.py")

    def make(destination: Path) -> None:
        environment = CACHE.parent / "train-venv"
        run = [
            "uv",
            "run",
            "--quiet",
            "--frozen",
            "--project",
            str(SOURCE),
            "--only-group",
            "train",
        ]
        subprocess.run(
            [*run, "python", "-B", str(script), str(destination)],
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)},
            check=True,
        )

    return cached("models", [script, SOURCE / "uv.lock"], make)


@pytest.fixture
def source_copy(tmp_path: Path) -> Path:
    """A copy of model_image/ to change and to build with `build_image`."""
    copy = tmp_path / "model_image"
    for path in source_files():
        target = copy / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return copy


@pytest.fixture
def build_image() -> BuildImage:
    return run_build


def _start(
    image: Path, directory: Path, *, command: list[str] | None = None, **environment: str
) -> Server:
    (port,) = unused_ports(1)
    stdout, stderr = directory / "stdout", directory / "stderr"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            command or [str(image / "bin" / "model-server")],
            # Nothing of this machine's environment: a container has none of it either.
            env={"HOST": "127.0.0.1", "PORT": str(port), "PATH": os.environ["PATH"], **environment},
            stdout=out,
            stderr=err,
        )
    return Server(process, f"http://127.0.0.1:{port}", stdout, stderr)


@pytest.fixture
def start_server(image: Path, tmp_path: Path) -> Iterator[StartServer]:
    """Start a server of one's own: `start_server(MODEL_NAME="x")`, or with another `command`."""
    started: list[Server] = []

    def start(*, command: list[str] | None = None, **environment: str) -> Server:
        directory = tmp_path / f"server-{len(started)}"
        directory.mkdir()
        started.append(_start(image, directory, command=command, **environment))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


def with_loader(image: Path, code: str) -> list[str]:
    """The server's command, with a loader that runs some code of the test's first."""
    start = (
        f"import sys; sys.path.insert(0, {str(image)!r})\nfrom model_server import loader, worker\n"
    )
    run = (
        "import pathlib, socket\n"
        "loader.main(socket.socket(fileno=int(sys.argv[1])), pathlib.Path(sys.argv[2]))\n"
    )
    python = str(image / "venv" / "bin" / "python")
    server = (
        f"import sys; sys.path.insert(0, {str(image)!r})\n"
        "from model_server import __main__, pool\n"
        f"pool.LOADER = [sys.executable, '-c', {start + code + run!r}]\n"
        "sys.exit(__main__.main([]))"
    )
    return [python, "-c", server]


def held_up(function: str, gate: Path) -> str:
    """Code for `with_loader`: one of its functions waits for the file `gate`."""
    return f"""
import pathlib, time
original = {function}
def held_up(*arguments):
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.01)
    return original(*arguments)
{function} = held_up
"""


@pytest.fixture(scope="session")
def server(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The image's own command with the name `demo`, ready."""
    running = _start(image, tmp_path_factory.mktemp("server"), MODEL_NAME="demo")
    try:
        running.wait_until("/health/ready", 200)
        yield running
        assert running.process.poll() is None, "the server died during the tests"
        assert "Traceback" not in running.stderr.read_text()
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, limits=KEEPING) as session:
        yield session


@pytest.fixture(scope="session")
def versions_server(
    image: Path, other_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serves versions 2 and 10 of a model with two inputs and two outputs."""
    running = _start(
        image,
        tmp_path_factory.mktemp("versions-server"),
        MODEL_NAME="pair",
        MODEL_PATH=str(other_models / "pair"),
    )
    try:
        running.wait_until("/health/ready", 200)
        yield running
    finally:
        running.process.kill()
        running.process.wait()
