"""Models of other libraries: the image's build makes ONNX of them that answers as they do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.model_image.conftest import CACHE, SOURCE, cached

if TYPE_CHECKING:
    from tests.model_image.conftest import BuildImage, Server, StartServer

ForeignModels = Callable[[str], Path]
Convert = Callable[..., subprocess.CompletedProcess[str]]
LIBRARIES = {
    "sklearn": ("forest", "histogram", "regression", "text", "columns"),
    "boosting": ("lightgbm", "xgboost", "xgboost_json", "xgboost_binary", "xgboost_number"),
    "tensorflow": ("keras", "saved_model"),
}


@pytest.fixture(scope="session")
def foreign_models() -> ForeignModels:
    """The folder of a library's models; see make_foreign_models.py."""
    script = Path(__file__).with_name("make_foreign_models.py")

    def models(library: str) -> Path:
        def make(destination: Path) -> None:
            destination.mkdir()
            subprocess.run(
                [
                    *("uv", "run", "--quiet", "--frozen", "--project", str(SOURCE)),
                    *("--only-group", f"convert-{library}"),
                    *("python", "-B", str(script), library, str(destination)),
                ],
                env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(CACHE.parent / f"{library}-venv")},
                check=True,
            )

        return cached(f"{library}-models", [script, SOURCE / "uv.lock"], make)

    return models


@pytest.fixture
def convert(foreign_models: ForeignModels, tmp_path: Path) -> Convert:
    """Do what build.sh does with a model, in an environment that is there."""

    def run(library: str, model: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        foreign_models(library)
        python = CACHE.parent / f"{library}-venv" / "bin" / "python"
        script = f'"{python}" -P formats.py "$0" && exec "{python}" -P -m convert "$0" "$1"'
        return subprocess.run(
            ["/bin/sh", "-c", script, model, tmp_path / "converted"],
            cwd=SOURCE,
            env={**os.environ, **environment, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def approximately(value: object) -> object:
    """As pytest.approx, which does not look into what is nested."""
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item) for item in value]
    return pytest.approx(value, rel=1e-3, abs=1e-4) if isinstance(value, float) else value


@pytest.fixture
def served(
    foreign_models: ForeignModels,
    source_copy: Path,
    build_image: BuildImage,
    start_server: StartServer,
) -> Callable[[str], Server]:
    """All models of a library, as versions of one: the environment that converts takes longest."""

    def serve(library: str) -> Server:
        models = foreign_models(library)
        for version, name in enumerate(LIBRARIES[library], 1):
            shutil.copytree(models / name, source_copy / "model" / str(version))
        built = build_image(source_copy, source_copy.parent / "image")
        assert built.returncode == 0, built.stdout + built.stderr
        assert built.stdout.count("rows are answered alike") == len(LIBRARIES[library])
        tree = source_copy.parent / "image" / "opt" / "model-server"
        assert not list((tree / "model").rglob("*.skops"))
        server = start_server(command=[str(tree / "bin" / "model-server")])
        server.wait_until("/health/ready", 200)
        return server

    return serve


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_model_of_another_library_is_served_as_that_predicts(
    served: Callable[[str], Server], foreign_models: ForeignModels, library: str
) -> None:
    server = served(library)

    for version, name in enumerate(LIBRARIES[library], 1):
        expected = json.loads((foreign_models(library) / name / "expected.json").read_text())
        answer = server.predict(expected["request"], version=version)
        assert answer.json() == approximately(expected["answer"]), name
        if library == "tensorflow":  # names stay
            request = {"inputs": {"flower": expected["request"]["instances"]}}
            outputs = approximately(expected["answer"]["predictions"])
            assert server.predict(request, version=version).json() == {"outputs": outputs}


@pytest.mark.parametrize(
    ("model", "about"),
    [
        ("sklearn/precise", "single precision is too little for it, or the converter gets it wro"),
        ("boosting/lightgbm_forest", "the converter gets this kind of model wrong: take another k"),
        ("tensorflow/words", "becomes no ONNX that can be run, so it computes with what ONNX has"),
    ],
)
def test_a_model_that_onnx_answers_otherwise_is_refused(
    foreign_models: ForeignModels, convert: Convert, model: str, about: str
) -> None:
    library, _, name = model.partition("/")

    ended = convert(library, foreign_models(library) / name)

    assert ended.returncode == 1
    assert about in ended.stderr.splitlines()[-1]
    if "differs" in ended.stderr:
        assert re.search(
            r"output '\w+' is [-\d.]+ where that says [-\d.]+, the worst", ended.stderr
        )


def test_a_pickle_runs_nothing_unless_it_is_trusted(convert: Convert, tmp_path: Path) -> None:
    ran, hostile = tmp_path / "ran", tmp_path / "model.pkl"
    hostile.write_bytes(f"cposix\nsystem\n(S'touch {ran}'\ntR.".encode())

    refused = convert("sklearn", hostile)
    assert refused.returncode == 1
    assert "is a pickle, which can run anything when it is read: save the" in refused.stderr
    assert not ran.exists()

    convert("sklearn", hostile, TRUST_PICKLE="true")
    assert ran.exists(), "the pickle would have run nothing"


def test_a_pickle_that_is_trusted_is_taken(foreign_models: ForeignModels, convert: Convert) -> None:
    ended = convert("sklearn", foreign_models("sklearn") / "pickled", TRUST_PICKLE="true")
    assert ended.returncode == 0, ended.stderr


def test_outputs_that_are_no_tensors_are_left_out(
    foreign_models: ForeignModels, convert: Convert
) -> None:
    """Of several classifiers in one ONNX makes a list."""
    ended = convert("sklearn", foreign_models("sklearn") / "several_classes")
    assert ended.returncode == 0, ended.stderr
    assert "leaving out the output probabilities: only tensors are served" in ended.stdout


@pytest.mark.parametrize(
    ("library", "name", "content", "about"),
    [
        ("sklearn", "hostile", None, "holds posix.system, which can be anything: leave it out."),
        ("sklearn", "unfitted", None, "is not fitted: call fit() before it is saved."),
        ("sklearn", "model.skops", b"PK\x03\x04", "model.skops cannot be loaded: "),
        ("boosting", "model.ubj", b"{L", "model.ubj cannot be converted: "),
        ("boosting", "model.txt", b"tree\nversion=v4\n", "model.txt cannot be converted: "),
        ("tensorflow", "model.keras", b"PK\x03\x04", "model.keras cannot be loaded: "),
        ("tensorflow", "saved_model.pb", b"\x00", "broken cannot be loaded: "),
    ],
)
def test_a_broken_or_hostile_model_is_refused_with_one_sentence(
    foreign_models: ForeignModels,
    convert: Convert,
    tmp_path: Path,
    *,
    library: str,
    name: str,
    content: bytes | None,
    about: str,
) -> None:
    folder = tmp_path / "broken"
    if content is None:
        folder = foreign_models(library) / name
    else:
        folder.mkdir()
        (folder / name).write_bytes(content)

    ended = convert(library, folder)

    assert ended.returncode == 1
    assert about in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("samples", "about"),
    [
        ("{", "samples.json is not a request in row form"),
        ("[]", "samples.json is not a request in row form"),
        ('{"inputs": [[1, 2, 3, 4]]}', "samples.json is not a request in row form"),
        ('{"instances": []}', "samples.json is not a request in row form"),
        ('{"instances": [["a", 2, 3, 4]]}', "has samples that do not fit: for 'x' (tensor(float))"),
        ('{"instances": [{"a": []}]}', "has a sample with []; a value is a number or a text"),
    ],
)
def test_samples_that_do_not_fit_are_refused(
    foreign_models: ForeignModels, convert: Convert, tmp_path: Path, samples: str, about: str
) -> None:
    model = shutil.copytree(foreign_models("sklearn") / "forest", tmp_path / "forest")
    (model / "samples.json").write_text(samples)

    ended = convert("sklearn", model)

    assert ended.returncode == 1
    assert about in ended.stderr.splitlines()[-1]
