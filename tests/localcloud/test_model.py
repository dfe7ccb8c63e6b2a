"""`make up MODEL=path`: the model comes whole to where the image is built from, or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from common.names import PROJECT
from common.refusal import Refusal
from localcloud import model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the image is built from."""
    monkeypatch.setattr(model, "PROJECT", tmp_path / "project")
    image = tmp_path / "project" / "model_image"
    image.mkdir(parents=True)
    return image


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_text("weights")
    return path


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_file_is_taken_with_the_samples_beside_it(folder: Path, net: Path) -> None:
    net.with_name("samples.json").write_text("{}")
    net.with_name("other.onnx").touch()

    model.place(net, {})

    assert contents(folder) == {"model/net.onnx": "weights", "model/samples.json": "{}"}


def test_a_folder_is_taken_whole_with_what_its_links_lead_to(folder: Path, net: Path) -> None:
    versions = net.parent / "versions"
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "model.onnx").symlink_to(net)

    model.place(versions, {})

    assert contents(folder) == {"model/1/model.onnx": "weights"}
    assert not (folder / "model/1/model.onnx").is_symlink()


def test_the_model_of_an_earlier_time_is_replaced(folder: Path, net: Path) -> None:
    model.place(net, {})
    other = net.with_name("other.onnx")
    other.write_text("other weights")

    model.place(other, {})

    assert contents(folder) == {"model/other.onnx": "other weights"}


def test_a_model_that_somebody_put_there_is_not_lost(folder: Path, net: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model" / "mine.onnx").write_text("mine")

    with pytest.raises(Refusal, match="holds a model already; put it elsewhere, or type `make up`"):
        model.place(net, {})

    assert contents(folder) == {"model/mine.onnx": "mine"}


def test_a_model_that_lies_there_already_stays(folder: Path) -> None:
    mine = folder / "model" / "mine.onnx"
    mine.parent.mkdir()
    mine.write_text("mine")

    model.place(mine, {})
    model.place(mine.parent, {})

    assert contents(folder) == {"model/mine.onnx": "mine"}


def test_what_cannot_be_copied_leaves_what_was_there(folder: Path, net: Path) -> None:
    model.place(net, {})
    versions = net.parent / "versions"
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "model.onnx").touch()
    (versions / "1" / "dangling").symlink_to("nothing")

    with pytest.raises(Refusal, match="versions cannot be copied as it is: "):
        model.place(versions, {})

    assert contents(folder) == {"model/net.onnx": "weights"}
    assert not (folder / ".model.unfinished").exists()


@pytest.mark.parametrize(
    ("config", "about"),
    [
        ({"modelImage": {"ref": "x@sha256:0"}}, r"which model it is \(modelImage.ref\); take that"),
        ({"modelImage": {"model": "x"}}, r"which model it is \(modelImage.model\); take that"),
    ],
)
def test_a_model_that_would_not_be_served_is_not_taken(
    folder: Path, net: Path, config: dict[str, Any], about: str
) -> None:
    with pytest.raises(Refusal, match=about):
        model.place(net, config)
    assert contents(folder) == {}


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("empty/", "empty is no model that is known; known are ONNX"),
        ("net.joblib", "net.joblib is a pickle, which can run anything when it is read: save the"),
        ("weights.pt", "weights.pt is no model that is known; known are ONNX"),
    ],
)
def test_what_is_no_model_is_not_put_in_the_place_of_one(
    folder: Path, net: Path, name: str, about: str
) -> None:
    model.place(net, {})
    given = net.parent / name
    given.mkdir() if name.endswith("/") else given.touch()

    with pytest.raises(Refusal, match=about) as refused:
        model.place(given, {})

    assert " Type: " in str(refused.value)
    assert contents(folder) == {"model/net.onnx": "weights"}


def test_a_pickle_is_taken_where_the_stack_file_trusts_it(folder: Path, net: Path) -> None:
    pickle = net.with_name("net.pkl")
    pickle.write_text("code")

    model.place(pickle, {"modelImage": {"trustPickle": True}})

    assert contents(folder) == {"model/net.pkl": "code"}


def test_a_path_where_nothing_is_is_refused(folder: Path) -> None:
    with pytest.raises(Refusal, match="MODEL is /no/model, and nothing is there; give the path"):
        model.place(Path("/no/model"), {})


@pytest.mark.parametrize(
    ("arguments", "environment", "is_given"),
    [
        (["MODEL=a model's path"], {}, True),
        ([], {}, False),
        ([], {"MODEL": "of another program"}, False),
    ],
)
def test_make_gives_on_what_was_typed_and_nothing_of_the_environment(
    arguments: list[str], environment: dict[str, str], is_given: bool
) -> None:
    without = {name: value for name, value in os.environ.items() if name != "MODEL"}

    printed = subprocess.run(
        ["make", "--dry-run", "up", *arguments],  # noqa: S607
        cwd=PROJECT,
        env={**without, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    (command,) = [line for line in printed.splitlines() if " -m localcloud up " in line]
    assert ('--model "$MODEL"' in command) == is_given
    assert ("MODEL of the environment is not read" in printed) == bool(environment)
