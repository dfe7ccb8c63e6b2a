"""`make pin-images` against a small registry which, like Docker Hub, wants an anonymous token."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts import pin_images

INDEX = "application/vnd.oci.image.index.v1+json"


class Registry(http.server.ThreadingHTTPServer):
    """Serves `team/base:1.2` to anyone who fetched a token for it."""

    manifest = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    media_type = INDEX
    announced: str | None = None
    challenge = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def image(self) -> str:
        return f"{self.host}/team/base:1.2"

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        registry, url = self.server, urlsplit(self.path)
        registry.seen.append(url.path)
        if url.path == "/token":
            query = parse_qs(url.query)
            assert query == {"service": ["stand-in"], "scope": ["repository:team/base:pull"]}
            self.answer(200, "application/json", b'{"token": "anonymous"}')
        elif self.headers.get("Authorization") != "Bearer anonymous":
            self.answer(401, "application/json", b"{}")
        elif url.path == "/v2/team/base/manifests/1.2":
            assert INDEX in self.headers["Accept"]
            self.answer(200, registry.media_type, registry.manifest)
        else:
            self.answer(404, "application/json", b"{}")

    def answer(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", self.server.announced or self.server.digest)
        if status == 401:
            parameters = (
                f'realm="http://{self.server.host}/token",'
                'service="stand-in",scope="repository:team/base:pull"'
            )
            scheme = "Bearer" if self.server.challenge else "Basic"
            self.send_header("WWW-Authenticate", f"{scheme} {parameters}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def dockerfile(path: Path, image: str) -> Path:
    path.write_text(
        f"# first: {image}\n"
        f"ARG BASE_IMAGE={image}\n"
        "ARG VERSION=1.2:3\n"
        "FROM --platform=linux/amd64 ${BASE_IMAGE} AS build\n"
        "ARG PORT=8501\n"
        "RUN true\n"
    )
    return path


def test_the_digest_is_written_behind_the_tag_and_nothing_else_changes(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = dockerfile(tmp_path / "Dockerfile", registry.image)
    before = path.read_text()

    assert pin_images.main([str(path)]) == 0

    pinned = f"ARG BASE_IMAGE={registry.image}@{registry.digest}\n"
    assert path.read_text() == before.replace(f"ARG BASE_IMAGE={registry.image}\n", pinned)
    assert capsys.readouterr().out == f"{path}: BASE_IMAGE={registry.image}@{registry.digest}\n"


def test_a_second_run_moves_the_digest_on(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = dockerfile(tmp_path / "Dockerfile", registry.image)
    pin_images.main([str(path)])
    pin_images.main([str(path)])
    assert "(as before)" in capsys.readouterr().out

    registry.manifest += b"\n"
    pin_images.main([str(path)])

    assert f"ARG BASE_IMAGE={registry.image}@{registry.digest}\n" in path.read_text()
    assert "(as before)" not in capsys.readouterr().out


def test_an_image_used_twice_is_looked_up_once(registry: Registry, tmp_path: Path) -> None:
    paths = [dockerfile(tmp_path / name, registry.image) for name in ("one", "two")]

    assert pin_images.main([str(path) for path in paths]) == 0

    assert registry.seen.count("/token") == 1
    assert all(registry.digest in path.read_text() for path in paths)


def refused(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs the command, which must fail, change nothing and say so in one line."""
    before = [path.read_text() for path in paths]
    assert pin_images.main([str(path) for path in paths]) == 1
    assert [path.read_text() for path in paths] == before
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_a_registry_out_of_reach_changes_no_file(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry() as gone:
        unreachable = gone.image
    fine = dockerfile(tmp_path / "fine", registry.image)
    broken = dockerfile(tmp_path / "broken", unreachable)

    error = refused([fine, broken], capsys)

    assert f"The digest of {unreachable} ({broken}) could not be looked up" in error
    assert "127.0.0.1 cannot be reached" in error


def test_content_that_does_not_match_its_digest_is_refused(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.announced = f"sha256:{'0' * 64}"
    error = refused([dockerfile(tmp_path / "Dockerfile", registry.image)], capsys)
    assert f"announced {registry.announced} but sent what hashes to {registry.digest}" in error


def test_an_image_for_one_platform_is_refused(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.media_type = "application/vnd.oci.image.manifest.v1+json"
    error = refused([dockerfile(tmp_path / "Dockerfile", registry.image)], capsys)
    assert "not a multi-platform index" in error


def test_a_tag_that_does_not_exist_is_refused(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused([dockerfile(tmp_path / "Dockerfile", f"{registry.image}-gone")], capsys)
    assert "/v2/team/base/manifests/1.2-gone answered 404" in error


def test_a_private_registry_is_refused(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.challenge = False
    error = refused([dockerfile(tmp_path / "Dockerfile", registry.image)], capsys)
    assert "asks for credentials" in error


@pytest.mark.parametrize("reference", ["python", "localhost:5000/base", "python:${VERSION}"])
def test_an_image_without_a_fixed_tag_is_refused(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused([dockerfile(tmp_path / "Dockerfile", reference)], capsys)
    assert f"'{reference}' has no fixed tag" in error


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("python:3.12-slim", "https://registry-1.docker.io/v2/library/python/manifests/3.12-slim"),
        ("grafana/k6:1.0", "https://registry-1.docker.io/v2/grafana/k6/manifests/1.0"),
        (
            "docker.io/nginx:1.30.2",
            "https://registry-1.docker.io/v2/library/nginx/manifests/1.30.2",
        ),
        ("registry.example/a/b/c:1", "https://registry.example/v2/a/b/c/manifests/1"),
        ("registry.example:5000/a:1@sha256:00", "https://registry.example:5000/v2/a/manifests/1"),
        ("localhost/a:1", "http://localhost/v2/a/manifests/1"),
    ],
)
def test_short_names_are_docker_hubs(reference: str, url: str) -> None:
    assert pin_images.Image.parse(reference).manifest_url == url
