"""A folder that no image can be built from is refused, and so is what its Dockerfile drops."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from model_image.formats import find
from program.settings import model_folder
from program.settings.model_image import ModelImage


def check(project: Path, context: str = "good", **more: object) -> None:
    model_folder.check(project, ModelImage.model_validate({"context": context, **more}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one folder that can be built, and a file outside."""
    folder = tmp_path / "project/good"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG MODEL TRUST_PICKLE\nFROM scratch\n")
    (folder / "train.py").touch()
    (tmp_path / "elsewhere").write_text("FROM scratch\n")
    return folder.parent


def test_a_folder_with_a_dockerfile_and_a_model_is_taken(project: Path) -> None:
    check(project)
    check(project, "./good/")


def test_a_project_may_itself_be_behind_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)

    check(tmp_path / "link")


def test_a_name_that_no_folder_can_have_is_refused(project: Path) -> None:
    with pytest.raises(PydanticCustomError, match="is no text"):
        check(project, "a\0b")


def test_a_folder_behind_a_link_is_refused(project: Path) -> None:
    (project / "link").symlink_to("good")

    with pytest.raises(PydanticCustomError, match="is behind a symbolic link"):
        check(project, "link")


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
        check(project)


def test_a_folder_that_may_not_be_read_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who reads everything."""

    def refused(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)

    with pytest.raises(PydanticCustomError, match=r"cannot be read \(Permission denied\)"):
        check(project)


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
    check(project)
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
        ("model", "model/model.onnx"),
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
    (project / "good/model/my net.onnx").write_text("weights")

    _mended_as_told(project, "is beside the folders of versions and in none")
    assert (project / "good/model/8/my net.onnx").read_text() == "weights"


def test_a_version_that_is_called_by_a_word_becomes_the_newest(project: Path) -> None:
    for version in ("7", "latest"):
        (project / "good/model" / version).mkdir(parents=True)
        (project / "good/model" / version / "model.onnx").touch()

    _mended_as_told(project, "holds a model, and no version is called so")
    assert (project / "good/model/8/model.onnx").exists()


@pytest.mark.parametrize("name", ["net.onnx", "net.skops", "net.ubj", "net.keras"])
def test_a_model_without_a_folder_for_its_version_is_taken(project: Path, name: str) -> None:
    (project / "good/model").mkdir()
    (project / "good/model" / name).touch()

    check(project)
    check(project, model=f"good/model/{name}")
    check(project, model="./good/model/")


@pytest.mark.parametrize("name", ["Net.ONNX", "net.SKOPS", "1/net.Keras"])
def test_a_model_whose_name_ends_in_capitals_is_renamed(project: Path, name: str) -> None:
    """What it is, the libraries see from small letters, too."""
    path = project / "good/model" / name
    path.parent.mkdir(parents=True)
    path.touch()

    _mended_as_told(project, "ends in capitals, and no library takes it so")
    assert path.with_suffix(path.suffix.lower()).exists()


def _entry(location: str) -> bytes:
    """An entry of external_data, as protobuf writes it."""
    value = b"\n\x08location\x12" + bytes([len(location)]) + location.encode()
    return b"j" + bytes([len(value)]) + value


@pytest.mark.parametrize("location", ["weights", "../weights", "/weights", "below/weights"])
def test_weights_that_are_not_beside_their_model_are_refused(project: Path, location: str) -> None:
    model = project / "good/model/1/net.onnx"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"\x08\x0a" + _entry(location) + _entry(location))
    (project / "good/model/weights").touch()

    with pytest.raises(
        PydanticCustomError, match=f"keeps weights in {re.escape(location)}, which has to be there"
    ):
        check(project)


def test_weights_beside_their_model_are_taken(project: Path) -> None:
    for name in ("weights", "below/weights", "ends in capitals.BIN"):
        path = project / "good/model/1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (project / "good/model/1/net.onnx").write_bytes(
        _entry("weights") + _entry("below/weights") + b"r\x12\n\x08location\x12\x06Berlin"
    )

    check(project)


def test_of_two_models_one_is_to_be_left_out(project: Path) -> None:
    (project / "good/model").mkdir()
    for name in ("a.onnx", "b.skops"):
        (project / "good/model" / name).touch()

    _mended_as_told(project, "holds two models, a.onnx and b.skops")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.json", b'{"config": 1}'),
        ("labels.txt", b"cat\ndog\n"),
        ("weights.pt", b"PK"),
        ("saved_model.pb.bak", b""),
        ("1/readme.md", b"tree"),
    ],
)
def test_what_is_no_model_is_refused_with_what_is_one(
    project: Path, name: str, content: bytes
) -> None:
    path = project / "good/model" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    with pytest.raises(
        PydanticCustomError, match=r"no model that is known; known are ONNX \(.onnx"
    ):
        check(project)


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("m.json", b'{"learner":{"attributes":{}', "XGBoost"),
        ("m.txt", b"tree\nversion=v4\n", "LightGBM"),
        ("saved_model.pb", b"", "TensorFlow"),
        ("m.h5", b"", "Keras"),
    ],
)
def test_which_library_made_a_model_is_seen_from_its_file(
    tmp_path: Path, name: str, content: bytes, format_: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "samples.json").write_text('{"instances": [1]}')

    (found,) = find(tmp_path, trusts_pickles=False)

    assert (found.version, found.format.name) == (1, format_)


def test_a_model_that_may_not_be_read_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who reads everything."""
    (project / "good/model").mkdir()
    (project / "good/model/net.json").touch()

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("model_image.formats._is_model", refused)

    with pytest.raises(PydanticCustomError, match=r"net.json cannot be read \(Permission denied\)"):
        check(project)


def test_a_pickle_is_taken_only_from_who_trusts_it(project: Path) -> None:
    (project / "good/model").mkdir()
    (project / "good/model/net.joblib").touch()

    with pytest.raises(PydanticCustomError, match="is a pickle, which can run anything") as refused:
        check(project)
    assert "trustPickle true" not in str(refused.value).partition("Type: ")[2]
    check(project, trustPickle=True)


@pytest.mark.parametrize(
    "model", ["models/net.onnx", "../net.onnx", "good/models/../net.onnx", "good/net.onnx"]
)
def test_a_model_that_the_build_is_not_sent_is_refused_with_the_way_in(
    project: Path, model: str
) -> None:
    (project / "good/models").mkdir()
    (project / model).parent.mkdir(exist_ok=True)
    (project / model).touch()

    with pytest.raises(PydanticCustomError, match=r"it takes a path in good/models/") as refused:
        check(project, model=model)
    assert f"cp -RL {model} good/models/net.onnx && pulumi config set" in str(refused.value)


def test_a_model_that_is_not_there_is_refused_with_what_is(project: Path) -> None:
    (project / "good/models/other").mkdir(parents=True)

    with pytest.raises(PydanticCustomError, match=r"is not there: .*/models holds other"):
        check(project, model="good/models/net.onnx")


def test_the_build_is_told_which_model_and_whether_it_is_trusted() -> None:
    image = ModelImage.model_validate({"model": "model_image/models/a", "trustPickle": True})

    assert image.all_build_args == {"MODEL": "models/a", "TRUST_PICKLE": "true"}


@pytest.mark.parametrize(
    ("given", "key"),
    [({"model": "good/models/x"}, "modelImage.model"), ({"trustPickle": True}, "trustPickle")],
)
def test_a_dockerfile_that_knows_no_model_is_not_given_one(
    project: Path, given: dict[str, Any], key: str
) -> None:
    (project / "good/Dockerfile").write_text("FROM scratch\n")

    with pytest.raises(PydanticCustomError, match="declares with ARG") as refused:
        check(project, **given)
    assert str(refused.value).endswith(f"{key}")


def test_a_folder_of_ones_own_may_hold_what_its_dockerfile_knows(project: Path) -> None:
    (project / "good/Dockerfile").write_text("FROM scratch\n")
    (project / "good/model").mkdir()
    (project / "good/model/weights.pt").touch()

    check(project)


def _mended_as_told(project: Path, problem: str) -> None:
    """It is refused, and no longer when what the refusal says was typed."""
    with pytest.raises(PydanticCustomError, match=re.escape(problem)) as refused:
        check(project)
    assert _typed(refused.value, project) == 0
    check(project)


def _typed(refused: PydanticCustomError, project: Path) -> int:
    command = str(refused).partition("Type: ")[2]
    return subprocess.run(["/bin/sh", "-c", command], cwd=project, check=False).returncode


def test_a_link_within_the_model_is_taken(project: Path) -> None:
    folder = project / "good/model/1"
    folder.mkdir(parents=True)
    (folder / "weights").touch()
    (folder / "model.onnx").symlink_to("weights")

    check(project)


def test_two_folders_for_one_version_are_refused(project: Path) -> None:
    for name in ("1", "001", "2", "v1", "1.bak"):
        (project / "good/model" / name).mkdir(parents=True)
    for name in ("1", "001", "2"):
        (project / "good/model" / name / "model.onnx").touch()

    _mended_as_told(project, "model/1 are the same version")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "ARG NAME\nFROM scratch",
        "FROM scratch AS a\n  arg NAME=1",
        "ARG OTHER=1 NAME='a b'\nFROM scratch",
        "ARG OTHER \\\n# why\n    NAME\nFROM scratch",
    ],
)
def test_an_argument_that_the_dockerfile_declares_is_taken(project: Path, dockerfile: str) -> None:
    (project / "good/Dockerfile").write_text(dockerfile)

    check(project, buildArgs={"NAME": "x"})


@pytest.mark.parametrize("dockerfile", ["FROM scratch", "# ARG NAME\nARG A='x NAME'\nENV NAME=1"])
def test_an_argument_that_no_line_declares_is_refused(project: Path, dockerfile: str) -> None:
    (project / "good/Dockerfile").write_text(dockerfile)

    with pytest.raises(PydanticCustomError, match="declares with ARG"):
        check(project, buildArgs={"NAME": "x"})


def test_arguments_that_every_builder_knows_are_taken(project: Path) -> None:
    known = {"HTTPS_PROXY": "http://p", "no_proxy": "a", "BUILDKIT_INLINE_CACHE": "1"}

    check(project, buildArgs=known)
