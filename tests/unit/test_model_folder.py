"""A folder that no image can be built from is refused, and so is what its Dockerfile drops."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from program.settings.model_image import check_build_args, check_folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one folder that can be built, and a file outside."""
    folder = tmp_path / "project/good"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "train.py").touch()
    (tmp_path / "elsewhere").write_text("FROM scratch\n")
    return folder.parent


def test_a_folder_with_a_dockerfile_and_a_model_is_taken(project: Path) -> None:
    check_folder(project, "good")
    check_folder(project, "./good/")


def test_a_project_may_itself_be_behind_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)

    check_folder(tmp_path / "link", "good")


def test_a_name_that_no_folder_can_have_is_refused(project: Path) -> None:
    with pytest.raises(PydanticCustomError, match="is no text"):
        check_folder(project, "a\0b")


def test_a_folder_behind_a_link_is_refused(project: Path) -> None:
    (project / "link").symlink_to("good")

    with pytest.raises(PydanticCustomError, match="is behind a symbolic link"):
        check_folder(project, "link")


@pytest.mark.parametrize("kind", ["folder", "dangling link", "link that leaves", "no text"])
def test_a_dockerfile_that_cannot_be_sent_is_refused(project: Path, kind: str) -> None:
    dockerfile = project / "good/Dockerfile"
    dockerfile.unlink()
    if kind == "folder":
        dockerfile.mkdir()
    elif kind == "dangling link":
        dockerfile.symlink_to("nowhere")
    elif kind == "link that leaves":
        dockerfile.symlink_to("../../elsewhere")
    else:
        dockerfile.write_bytes(b"\xff")

    with pytest.raises(
        PydanticCustomError, match=r"without a Dockerfile|leaves the folder|is no text"
    ):
        check_folder(project, "good")


def test_a_folder_that_may_not_be_read_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who reads everything."""

    def refused(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)

    with pytest.raises(PydanticCustomError, match=r"cannot be read \(Permission denied\)"):
        check_folder(project, "good")


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("model/1/model.onnx", "../../blobs/a1"),  # a hub's cache
        ("model/1/model.onnx", "{project}/good/blobs/a1"),
        ("model/1/data", "{project}/all/1"),
        ("model/2", "../../all/1"),
        ("model", "../all"),
    ],
)
def test_a_model_behind_a_link_that_a_build_cannot_follow_is_refused(
    project: Path, link: str, target: str
) -> None:
    for path in ("good/model/1/model.onnx", "good/blobs/a1", "all/1/model.onnx"):
        (project / path).parent.mkdir(parents=True)
        (project / path).write_text(path)
    check_folder(project, "good")
    there = project / "good" / link
    if there.is_dir():
        shutil.rmtree(there)
    there.unlink(missing_ok=True)
    there.symlink_to(target.format(project=project))

    _mended_as_told(project, f"{there} is a symbolic link")
    assert (project / "good/model/1/model.onnx").is_file()


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("model/1/data", "nothing"),
        ("model/1/data", "../../nothing"),
        ("model/1/data", "data"),
        ("model/1/a b", "/nothing"),
        ("model/1/data", "model.onnx/x"),
        ("model", "model"),
    ],
)
def test_a_link_that_leads_nowhere_is_refused(project: Path, link: str, target: str) -> None:
    model, path = project / "good/model/1/model.onnx", project / "good" / link
    if path.name != "model":
        model.parent.mkdir(parents=True)
        model.touch()
    path.symlink_to(target)

    _mended_as_told(project, f"{path} is a symbolic link that leads nowhere")
    assert model.is_file() == (path.name != "model")


@pytest.mark.parametrize(
    ("file", "at"),
    [
        ("model", "model/1/model.onnx"),
        ("model/model.onnx", "model/1/model.onnx"),
        ("model/my net.onnx", "model/1/model.onnx"),
        ("model/2", "model/2/model.onnx"),
    ],
)
def test_a_file_where_a_folder_belongs_is_refused_and_put_where_it_belongs(
    project: Path, file: str, at: str
) -> None:
    path = project / "good" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("weights")

    _mended_as_told(project, f"{path} is ")
    assert (project / "good" / at).read_text() == "weights"


def test_a_model_beside_its_versions_becomes_the_newest(project: Path) -> None:
    (project / "good/model/7").mkdir(parents=True)
    (project / "good/model/7/model.onnx").touch()
    (project / "good/model/model.onnx").write_text("weights")

    _mended_as_told(project, "is in none")
    assert (project / "good/model/8/model.onnx").read_text() == "weights"


def _mended_as_told(project: Path, problem: str) -> None:
    """It is refused, and no longer when what the refusal says was typed."""
    with pytest.raises(PydanticCustomError, match=re.escape(problem)) as refused:
        check_folder(project, "good")
    assert _typed(refused.value, project) == 0
    check_folder(project, "good")


def _typed(refused: PydanticCustomError, project: Path) -> int:
    command = str(refused).partition("Type: ")[2]
    assert command.startswith("cd good && "), refused
    return subprocess.run(["/bin/sh", "-c", command], cwd=project, check=False).returncode


def test_a_link_within_the_model_is_taken(project: Path) -> None:
    folder = project / "good/model/1"
    folder.mkdir(parents=True)
    (folder / "weights").touch()
    (folder / "model.onnx").symlink_to("weights")

    check_folder(project, "good")


def test_two_folders_for_one_version_are_refused(project: Path) -> None:
    for name in ("1", "001", "2", "v1", "1.bak"):
        (project / "good/model" / name).mkdir(parents=True)

    _mended_as_told(project, "model/001 and model/1 are the same one")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "ARG NAME\nFROM scratch",
        "FROM scratch AS a\n  arg NAME=1",
        "ARG OTHER=1 NAME='a b'\nFROM scratch",
        "ARG OTHER \\\n# why\n    NAME\nFROM scratch",
    ],
)
def test_an_argument_that_the_dockerfile_declares_is_taken(dockerfile: str) -> None:
    check_build_args(dockerfile, {"NAME": "x"})


@pytest.mark.parametrize("dockerfile", ["FROM scratch", "# ARG NAME\nARG A='x NAME'\nENV NAME=1"])
def test_an_argument_that_no_line_declares_is_refused(dockerfile: str) -> None:
    with pytest.raises(PydanticCustomError, match="declares with ARG"):
        check_build_args(dockerfile, {"NAME": "x"})


def test_arguments_that_every_builder_knows_are_taken() -> None:
    check_build_args(
        "FROM scratch", {"HTTPS_PROXY": "http://p", "no_proxy": "a", "BUILDKIT_INLINE_CACHE": "1"}
    )
