"""The image: what build.sh installs, how its command starts and stops, and how it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.model_image.conftest import BuildImage, StartServer


def _files(directory: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in directory.rglob("*")}


def _one_sentence(stderr: str) -> str:
    """What the operator reads; a traceback has more lines."""
    (line,) = stderr.splitlines()
    return line


def test_the_image_holds_the_server_and_no_build_tools(image: Path) -> None:
    assert {path.name for path in image.iterdir()} == {
        *("bin", "venv", "model", "model_server", "locale")
    }
    assert os.access(image / "bin" / "model-server", os.X_OK)
    assert (image / "model" / "1" / "model.onnx").is_file()
    packages = {path.name for path in image.glob("venv/lib/python3*/site-packages/*")}
    assert "onnxruntime" in packages
    assert not {"onnx", "mypy", "pip", "pytest"} & packages


def test_the_image_has_its_bytecode(image: Path) -> None:
    """A container's file system is read by a user who cannot write, at every start."""
    assert list((image / "model_server").glob("__pycache__/api.*.pyc"))
    assert list(image.glob("venv/lib/python3*/site-packages/fastapi/__pycache__/routing.*.pyc"))


def test_a_model_of_ones_own_is_taken_instead_of_training(
    image: Path, source_copy: Path, build_image: BuildImage, start_server: StartServer
) -> None:
    shutil.copytree(image / "model" / "1", source_copy / "model" / "3")
    (source_copy / "train.py").write_text("raise SystemExit('trained all the same')")
    before = _files(source_copy)
    destination = source_copy.parent / "with space"
    for given in (destination, Path(os.path.relpath(destination))):  # the second over the first
        built = build_image(source_copy, given)
        assert built.returncode == 0, built.stderr
    assert _files(source_copy) == before, "the source directory was written to"

    moved = destination.rename(source_copy.parent / "moved") / "opt" / "model-server"
    assert [path.name for path in (moved / "model").iterdir()] == ["3"]
    link = source_copy.parent / "link"
    link.symlink_to(moved / "bin" / "model-server")
    server = start_server(command=[str(link)])
    server.wait_until("/health/ready", 200)
    response = httpx.post(
        server.url + "/v1/models/model/versions/3:predict", json={"instances": [[10.0]]}
    )
    assert response.json() == {"predictions": [[19.0]]}


def test_another_user_runs_it_whatever_the_modes_of_the_deployers_files(
    image: Path, source_copy: Path
) -> None:
    shutil.copytree(image / "model" / "1", source_copy / "model" / "3")
    (source_copy / "model" / "3" / "model.onnx").chmod(0o600)
    (source_copy / "model_server" / "api.py").chmod(0o666)
    (source_copy / "model").chmod(0o700)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        built = subprocess.run(
            ["/bin/sh", "-c", 'umask 077 && exec "$0"', source_copy / "build.sh"],
            env={**os.environ, "DESTDIR": f"{directory}/image"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stdout + built.stderr
        tree = Path(directory) / "image"
        for path in (tree, *tree.rglob("*")):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            assert mode & 0o044 == 0o044, f"{path} is for its owner only: {mode:o}"
            assert mode & 0o022 == 0, f"{path} can be written to by others: {mode:o}"
            assert mode & 0o111 in (0, 0o111), f"{path} runs for some only: {mode:o}"
            assert not path.is_dir() or mode & 0o111, path
        assert not (tree / "opt/model-server/venv/bin/activate").exists()


def test_the_dockerfile_checks_the_model_as_the_user_who_will_run_it() -> None:
    dockerfile = Path(__file__).resolve().parents[2] / "model_image" / "Dockerfile"
    final_stage = dockerfile.read_text().rpartition("FROM ")[2].splitlines()
    check = final_stage.index('RUN ["/opt/model-server/bin/model-server", "--check"]')
    assert final_stage.index("USER 65532:65532") < check


def test_a_link_that_the_training_leaves_is_followed(
    image: Path, source_copy: Path, build_image: BuildImage, tmp_path: Path
) -> None:
    trained = tmp_path / "trained.onnx"
    shutil.copy(image / "model" / "1" / "model.onnx", trained)
    (source_copy / "train.py").write_text(
        "import pathlib, sys\n"
        "version = pathlib.Path(sys.argv[1]) / '1'\n"
        "version.mkdir()\n"
        f"(version / 'model.onnx').symlink_to({str(trained)!r})\n"
    )
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 0, built.stderr
    assert not (tmp_path / "image/opt/model-server/model/1/model.onnx").is_symlink()


@pytest.mark.parametrize(
    ("what", "about"),
    [
        ("file", "/model is a file whose name does not say what it is; known are ONNX"),
        ("dangling link", "/model is not there, or a link that leads nowhere."),
    ],
)
def test_what_is_no_folder_is_not_passed_over_for_the_demo(
    source_copy: Path, build_image: BuildImage, tmp_path: Path, *, what: str, about: str
) -> None:
    model = source_copy / "model"
    if what == "file":
        model.write_text("weights")
    else:
        model.symlink_to("nothing")
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 1
    assert about in _one_sentence(built.stderr)


def test_a_training_that_leaves_no_model_fails_the_build(
    source_copy: Path, build_image: BuildImage, tmp_path: Path
) -> None:
    (source_copy / "train.py").write_text("")
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 1
    assert "/model is no model that is known; known are ONNX" in _one_sentence(built.stderr)


def test_a_model_that_cannot_be_served_fails_the_build_and_what_works_stays(
    source_copy: Path, build_image: BuildImage, tmp_path: Path, other_models: Path
) -> None:
    installed = tmp_path / "image/opt/model-server"
    installed.mkdir(parents=True)
    (installed / "earlier").touch()
    shutil.copytree(other_models / "sequence", source_copy / "model")
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 1
    assert "only tensors are served: export the model with plain ones" in _one_sentence(
        built.stderr
    )
    assert [path.name for path in installed.parent.iterdir()] == ["model-server"]
    assert (installed / "earlier").exists()


@pytest.mark.parametrize("model", ["../{name}/models", "/etc", "models/../..", "nothing"])
def test_a_model_that_is_not_in_the_folder_fails_the_build(
    source_copy: Path,
    build_image: BuildImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
) -> None:
    (source_copy / "models").mkdir()
    monkeypatch.setenv("MODEL", model.format(name=source_copy.name))
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 1
    assert "; give the path of a model in" in _one_sentence(built.stderr)


def test_what_links_of_a_model_lead_to_is_in_the_image(
    image: Path, source_copy: Path, build_image: BuildImage, tmp_path: Path
) -> None:
    """A hub's cache is made of links to files whose names are their hashes."""
    blobs, version = source_copy / "model" / ".blobs", source_copy / "model" / "7"
    blobs.mkdir(parents=True)
    version.mkdir()
    shutil.copy(image / "model" / "1" / "model.onnx", blobs / "0a1b")
    (version / "model.onnx").symlink_to("../.blobs/0a1b")
    built = build_image(source_copy, tmp_path / "image")
    assert built.returncode == 0, built.stderr
    model = tmp_path / "image/opt/model-server/model/7/model.onnx"
    assert not model.is_symlink()
    assert model.read_bytes() == (blobs / "0a1b").read_bytes()


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("zipmap", "model with plain ones, which converters of classifiers do with zipmap=False."),
        ("sequence", "is a seq(tensor(int64)), and only tensors are served: export the model with"),
        ("several", "leave it out with onnx.utils.extract_model(old, new, ['count'], ['label'])."),
        ("german", "by the rules of de_DE.UTF-8, which are not installed; export it with"),
        ("elsewhere", 'elsewhere/1/weights.bin"; put that file there, too, by the same name.'),
        ("outside", "put its weights into the same folder: onnx.save_model("),
        ("cut", "run: Exception during initialization: External initializer: w offset: 0 size to"),
        ("cut", "the file with its weights is cut off: copy or export both again."),
        ("unknown", "is not a model that can be run: Unsupported model IR version: 99, max"),
        ("unknown", "; export it for that one, or set model.ir_version to it."),
        ("opset", "for domain ai.onnx is till opset 26; export it for that opset: opset_version="),
        ("custom", "com.acme:Own(-1) is not a registered function/op; export it with operators"),
        ("complex", "put a Cast to float before it, or export it in float."),
        (
            "bfloat16",
            "input 'count' is a tensor(bfloat16), and this type is not served: put a Cast",
        ),
        ("twice", "Duplicate definition of name (same); see what onnx.checker.check_model(path"),
        ("silent", "silent/1/model.onnx has no output to answer with; export it with one."),
    ],
)
def test_why_a_model_cannot_be_served_is_said_whole(
    image: Path, other_models: Path, model: str, why: str
) -> None:
    checked = subprocess.run(
        [image / "bin" / "model-server", "--check"],
        env={"PATH": os.environ["PATH"], "MODEL_PATH": str(other_models / model)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert why in _one_sentence(checked.stderr)
    assert "onnxruntime_src" not in checked.stderr
    assert ".cc:" not in checked.stderr


@pytest.mark.parametrize(
    ("content", "environment", "about"),
    [
        ({}, {}, "No model under {path}; the place of a model is <version>/model.onnx"),
        ({"model.onnx": b"x"}, {}, "{path}/model.onnx would not be served: it is in no version's"),
        ({"1/model.onnx": b"x", "model.onnx": b"y"}, {}, "{path}/model.onnx would not be served: "),
        ({"1/model.onnx": b"x", "2": b"y"}, {}, "{path}/2 would not be served: it is in no ver"),
        (
            {f"{2**63}/model.onnx": b"x"},
            {},
            f"{2**63}/model.onnx would not be served: no version is called so; the place of a "
            "model is <version>/model.onnx with a whole number below 2^63 for <version>",
        ),
        ({"latest/model.onnx": b"x"}, {}, "{path}/latest/model.onnx would not be served: no"),
        ({"1/model.pb": b"x"}, {}, "{path}/1/model.onnx is not there: {path}/1 holds model.pb;"),
        ({"1/a": b"x", "2/.b": b""}, {}, "{path}/1/model.onnx is not there: {path}/1 holds a;"),
        (
            {"1/model.onnx": b"x", "01/model.onnx": b"x", ".cache/model.onnx": b"", "notes/a": b""},
            {},
            "{path}/01 and {path}/1 are the same version; keep one of them.",
        ),
        ({"1/model.onnx": b"x"}, {}, "{path}/1/model.onnx is not a model that can be run"),
        ({"1/model.onnx": b""}, {}, "{path}/1/model.onnx is empty: copy or export it again."),
        (
            {"1/model.onnx": b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9"},
            {},
            "{path}/1/model.onnx is a pointer of Git LFS and not the file itself: git lfs pull",
        ),
        (
            {"1/model.onnx": b"\xef\xbb\xbf\n<!DOCTYPE html>"},
            {},
            "{path}/1/model.onnx is a web page",
        ),
        ({"1/model.onnx": b"\x08\x0a\x3a\x99"}, {}, "is cut off, or no ONNX model: copy or export"),
        ({"1/model.onnx": b"<"}, {}, "{path}/1/model.onnx is a web page, or XML: download the"),
        ({"1/model.onnx": b"ir_version: 10\ngraph {"}, {}, "{path}/1/model.onnx is text: ONNX's"),
        ({"1/model.onnx": b"<ir_version: 10>\nagraph"}, {}, "{path}/1/model.onnx is text: ONNX's"),
        ({"1/model.onnx": b'{"irVersion": "10"}'}, {}, "{path}/1/model.onnx is text: ONNX's own"),
        ({"1/model.onnx": b"\x1f\x8b\x08"}, {}, "{path}/1/model.onnx is packed by gzip: unpack it"),
        ({"1/model.onnx": b"PK\x03\x04zip"}, {}, "{path}/1/model.onnx is a zip archive, as"),
        ({"1/model.onnx": b"\x80\x04\x95"}, {}, "{path}/1/model.onnx is a Python pickle: conv"),
        ({}, {"MODEL_NAME": "a/b"}, "MODEL_NAME is 'a/b'; it is part of the URL"),
        ({}, {"PORT": "http"}, "PORT is 'http'; set it to a number from 1 to 65535"),
        ({}, {"PORT": "65536"}, "PORT is '65536'; set it"),
    ],
)
def test_a_start_that_cannot_work_ends_with_one_sentence(
    start_server: StartServer,
    tmp_path: Path,
    content: dict[str, bytes],
    environment: dict[str, str],
    about: str,
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for name, data in content.items():
        (models / name).parent.mkdir(exist_ok=True)
        (models / name).write_bytes(data)
    server = start_server(**{"MODEL_PATH": str(models), **environment})
    assert server.process.wait(timeout=20) == 1
    assert about.format(path=models) in _one_sentence(server.stderr.read_text())
    assert server.stdout.read_text() == ""


def test_sigterm_lets_a_request_finish_and_ends_with_0(start_server: StartServer) -> None:
    server = start_server(MODEL_NAME="demo")
    server.wait_until("/health/ready", 200)
    body = json.dumps({"instances": [[1]] * 200_000}).encode()
    with httpx.Client(base_url=server.url, timeout=30) as client:

        def chunks() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            server.process.terminate()
            yield body[len(body) // 2 :]

        response = client.post("/v1/models/demo:predict", content=chunks())
    assert response.status_code == 200
    assert len(response.json()["predictions"]) == 200_000
    assert server.process.wait(timeout=15) == 0
    assert "Traceback" not in server.stderr.read_text()


@pytest.mark.parametrize("seconds", [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_sigterm_ends_the_first_process_of_a_container_from_the_first_moment_on(
    image: Path, start_server: StartServer, seconds: float
) -> None:
    """In a process namespace of its own, where a signal that is not handled is lost."""
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        alone.append("--map-root-user")
    server = start_server(command=[*alone, str(image / "bin" / "model-server")])
    outside = psutil.Process(server.process.pid)
    while not (inside := outside.children()) or "unshare" in inside[0].cmdline():
        time.sleep(0.001)
    time.sleep(seconds)
    inside[0].terminate()
    assert server.process.wait(timeout=15) == 0


def test_the_dockerfile_is_what_the_rest_relies_on() -> None:
    dockerfile = Path(__file__).resolve().parents[2] / "model_image" / "Dockerfile"
    lines = dockerfile.read_text().splitlines()
    (base,) = [line for line in lines if line.startswith("ARG PYTHON_IMAGE=")]
    assert re.fullmatch(r"ARG PYTHON_IMAGE=python:3\.\d+\.\d+-[a-z-]+(@sha256:[0-9a-f]{64})?", base)
    assert [line for line in lines if line.startswith("FROM")] == [
        "FROM ${PYTHON_IMAGE} AS build",
        "FROM ${PYTHON_IMAGE}",
    ]
    assert "USER 65532:65532" in lines
    assert lines[-1] == 'CMD ["/opt/model-server/bin/model-server"]'


def test_the_health_check_of_the_dockerfile_tells_ready_from_not(
    image: Path, start_server: StartServer
) -> None:
    """Run as written, with the installed place put in for the container's."""
    dockerfile = Path(__file__).resolve().parents[2] / "model_image" / "Dockerfile"
    (written,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile.read_text(), re.MULTILINE)
    command = [part.replace("/opt/model-server", str(image)) for part in json.loads(written)]

    server = start_server()
    server.wait_until("/health/ready", 200)
    environment = {"PORT": server.url.rpartition(":")[2], "http_proxy": "http://127.0.0.1:1"}
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    server.stop()
    stopped = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert stopped.returncode != 0
