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
from model_image.formats import find


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the image is built from."""
    monkeypatch.setattr(model, "PROJECT", tmp_path / "project")
    image = tmp_path / "project" / "model_image"
    image.mkdir(parents=True)
    (image / "Dockerfile").touch()
    return image


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_text("weights")
    return path


def place(path: Path | str, config: dict[str, Any] | None = None) -> None:
    with model.placed(str(path), config or {}):
        pass


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("Dockerfile", ".taken-from")
    }


def test_a_file_is_taken_with_the_samples_beside_it(folder: Path, net: Path) -> None:
    net.with_name("samples.json").write_text("{}")
    net.with_name("other.onnx").touch()

    place(net)

    assert contents(folder) == {"model/net.onnx": "weights", "model/samples.json": "{}"}


def test_a_folder_is_taken_whole_with_what_its_links_lead_to(folder: Path, net: Path) -> None:
    versions = net.parent / "versions"
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "model.onnx").symlink_to(net)

    place(versions)

    assert contents(folder) == {"model/1/model.onnx": "weights"}
    assert not (folder / "model/1/model.onnx").is_symlink()


def test_the_model_of_an_earlier_time_is_replaced(folder: Path, net: Path) -> None:
    place(net)
    other = net.with_name("other.onnx")
    other.write_text("other weights")

    place(other)

    assert contents(folder) == {"model/other.onnx": "other weights"}


def test_a_model_that_somebody_put_there_is_not_lost(folder: Path, net: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model" / "mine.onnx").write_text("mine")

    with pytest.raises(Refusal, match="holds a model already; put it elsewhere, or type `make up`"):
        place(net)

    assert contents(folder) == {"model/mine.onnx": "mine"}


def test_a_model_that_lies_there_already_stays(folder: Path) -> None:
    mine = folder / "model" / "mine.onnx"
    mine.parent.mkdir()
    mine.write_text("mine")

    place(mine)
    place(mine.parent)

    assert contents(folder) == {"model/mine.onnx": "mine"}


def test_what_cannot_be_copied_leaves_what_was_there(folder: Path, net: Path) -> None:
    place(net)
    versions = net.parent / "versions"
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "model.onnx").touch()
    (versions / "1" / "dangling").symlink_to("nothing")

    with pytest.raises(
        Refusal, match=r"versions cannot be taken as it is: .*dangling: \[Errno 2\] No such"
    ):
        place(versions)

    assert contents(folder) == {"model/net.onnx": "weights"}
    assert not (folder / ".model.unfinished").exists()


@pytest.mark.parametrize("error", [Refusal("it failed"), KeyboardInterrupt()])
@pytest.mark.parametrize("there_was_one", [True, False])
def test_what_was_there_comes_back_if_it_is_not_deployed(
    folder: Path, net: Path, error: BaseException, *, there_was_one: bool
) -> None:
    if there_was_one:
        place(net)
    before = contents(folder)
    other = net.with_name("other.onnx")
    other.touch()

    def deploy() -> None:
        with model.placed(str(other), {}):
            assert (folder / "model" / "other.onnx").exists()
            raise error

    with pytest.raises(type(error)):
        deploy()

    assert contents(folder) == before


def test_nothing_is_left_of_a_model_that_was_replaced(folder: Path, net: Path) -> None:
    place(net)
    place(net)
    assert sorted(path.name for path in folder.iterdir()) == ["Dockerfile", "model"]


def test_weights_beside_a_file_of_onnx_come_with_it(folder: Path, net: Path) -> None:
    net.write_bytes(b"j\x17\n\x08location\x12\x0bbelow/w.bin")
    net.with_name("below").mkdir()
    (net.parent / "below/w.bin").write_text("weights")
    (net.parent / "below/other.bin").write_text("others")

    place(net)

    assert sorted(contents(folder)) == ["model/below/w.bin", "model/net.onnx"]


def test_weights_that_are_not_there_are_missed(folder: Path, net: Path) -> None:
    net.write_bytes(b"j\x11\n\x08location\x12\x05w.bin")

    with pytest.raises(Refusal, match=r"net.onnx keeps weights in w.bin, which has to be there"):
        place(net)


@pytest.mark.parametrize("given", [".", "..", "../.."])
def test_a_folder_that_the_image_is_built_in_is_no_model(folder: Path, given: str) -> None:
    with pytest.raises(Refusal, match="and the image is built in there; give a folder that holds"):
        place(folder / given)


def test_a_part_of_what_is_there_is_not_taken_for_all(folder: Path) -> None:
    for version in ("1", "2"):
        (folder / "model" / version).mkdir(parents=True)
        (folder / "model" / version / "net.onnx").touch()

    place(folder / "model")
    with pytest.raises(Refusal, match=r"2, a part of what .*model holds: `make up` without MODEL"):
        place(folder / "model" / "2")


@pytest.mark.parametrize("context", ["nowhere", "../elsewhere", "/elsewhere", 5, "link"])
def test_a_stack_file_that_will_be_refused_takes_no_model(
    folder: Path, net: Path, context: object
) -> None:
    (folder.parent / "link").symlink_to(folder)

    place(net, {"modelImage": {"context": context}})

    assert {path.name for path in folder.parent.rglob("*")} == {"link", "model_image", "Dockerfile"}


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ("", "MODEL is empty; give the path of a model, or leave it out"),
        ("x" * 300, "cannot be taken as it is: .*File name too long"),
    ],
)
def test_a_path_that_none_can_have_is_refused(folder: Path, given: str, about: str) -> None:
    with pytest.raises(Refusal, match=about):
        place(given)


def test_a_pickle_of_ones_own_is_taken_when_it_was_saved_otherwise(folder: Path, net: Path) -> None:
    pickle = net.with_name("my net.pkl")
    pickle.touch()

    with pytest.raises(Refusal) as refused:
        place(pickle)

    assert str(refused.value).endswith(f" && make up MODEL='{net.parent}/my net.skops'")


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
        place(net, config)
    assert contents(folder) == {}


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("empty/", "empty is no model that is known; known are ONNX"),
        ("net.joblib", "net.joblib is a pickle, which can run anything when it is read: if it is "),
        ("weights.pt", "weights.pt is no model that is known; known are ONNX"),
    ],
)
def test_what_is_no_model_is_not_put_in_the_place_of_one(
    folder: Path, net: Path, name: str, about: str
) -> None:
    place(net)
    given = net.parent / name
    given.mkdir() if name.endswith("/") else given.touch()

    with pytest.raises(Refusal, match=about) as refused:
        place(given)

    assert " Type: " in str(refused.value)
    assert contents(folder) == {"model/net.onnx": "weights"}


def test_a_pickle_is_taken_where_the_stack_file_trusts_it(folder: Path, net: Path) -> None:
    pickle = net.with_name("net.pkl")
    pickle.write_text("code")

    place(pickle, {"modelImage": {"trustPickle": True}})

    assert contents(folder) == {"model/net.pkl": "code"}


def test_a_path_where_nothing_is_is_refused(folder: Path) -> None:
    with pytest.raises(Refusal, match="MODEL is /no/model, and nothing is there; give the path"):
        place(Path("/no/model"))


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


@pytest.mark.parametrize(
    ("files", "model"),
    [
        (["model.skops"], "model.skops"),
        (["model.lgb"], "model.lgb"),
        (["data/model.keras", "data/keras_module.txt", "data/save_format.txt"], "data/model.keras"),
        (["data/model/saved_model.pb", "data/save_format.txt"], "data/model"),
        (["tf2model/saved_model.pb", "tf2model/variables/variables.index"], "tf2model"),
    ],
)
def test_the_model_in_a_folder_of_mlflow_is_found(
    tmp_path: Path, files: list[str], model: str
) -> None:
    """As MLflow 3.17 lays it out, beside what it says of the environment."""
    for file in (*files, "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"):
        path = tmp_path / "artifacts" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("tree\n" if file.endswith(".lgb") else "numpy==2.3.5\n")

    (found,) = find(tmp_path / "artifacts", trusts_pickles=False)

    assert found.path == tmp_path / "artifacts" / model


def test_a_pickle_of_mlflow_is_refused_with_a_command_that_serves_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    (fetched / "model.pkl").touch()
    monkeypatch.setattr(model, "fetched", lambda uri: fetched)

    with pytest.raises(Refusal, match="is a pickle") as refused:
        place("models:/iris/1")

    assert str(refused.value).endswith(f" && make up MODEL={fetched}")
    assert contents(folder) == {}
