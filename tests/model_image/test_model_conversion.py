"""Models of other libraries: the image's build makes ONNX of them that answers as they do."""

from __future__ import annotations

import json
import os
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
Build = Callable[..., subprocess.CompletedProcess[str]]
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
def build(source_copy: Path, build_image: BuildImage, tmp_path: Path) -> Build:
    """Build an image with a model: `build(path)`."""

    def run(model: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        shutil.copytree(model, source_copy / "models" / "given")
        return build_image(source_copy, tmp_path / "image", MODEL="models/given", **environment)

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


def test_a_model_that_answers_otherwise_fails_the_build_with_the_largest_difference(
    foreign_models: ForeignModels, build: Build
) -> None:
    built = build(foreign_models("sklearn") / "precise")
    assert built.returncode == 1
    assert "model.skops differs from its original: output 'variable' is " in built.stderr
    assert "the worst of " in built.stderr


def test_a_pickle_runs_nothing_unless_it_is_trusted(
    foreign_models: ForeignModels, build: Build, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "model.pkl").write_bytes(f"cposix\nsystem\n(S'touch {ran}'\ntR.".encode())

    built = build(hostile)

    assert built.returncode == 1
    assert (
        "is a pickle, which can run anything when it is read: save the model with" in built.stderr
    )
    assert not ran.exists()


def test_a_pickle_that_is_trusted_is_taken(foreign_models: ForeignModels, build: Build) -> None:
    built = build(foreign_models("sklearn") / "pickled", TRUST_PICKLE="true")
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.mark.parametrize(
    ("name", "content", "about"),
    [
        ("sklearn/hostile", None, "which is not scikit-learn's: leave it out."),
        ("model.skops", b"PK\x03\x04", "model.skops cannot be loaded: "),
        ("model.ubj", b"{L", "model.ubj cannot be converted: "),
        ("model.txt", b"tree\nversion=v4\n", "model.txt cannot be converted: "),
        ("model.keras", b"PK\x03\x04", "model.keras cannot be loaded: "),
    ],
)
def test_a_broken_or_hostile_model_ends_the_build_with_one_sentence(
    foreign_models: ForeignModels,
    build: Build,
    tmp_path: Path,
    *,
    name: str,
    content: bytes | None,
    about: str,
) -> None:
    folder = tmp_path / "broken"
    if content is None:
        library, _, name = name.partition("/")
        shutil.copytree(foreign_models(library) / name, folder)
    else:
        folder.mkdir()
        (folder / name).write_bytes(content)

    built = build(folder)

    assert built.returncode == 1
    assert about in built.stderr.splitlines()[-1]
    assert "Traceback" not in built.stderr


@pytest.mark.parametrize("samples", ["{", '{"instances": []}'])
def test_samples_that_are_no_request_end_the_build(
    foreign_models: ForeignModels, build: Build, tmp_path: Path, samples: str
) -> None:
    model = shutil.copytree(foreign_models("sklearn") / "forest", tmp_path / "forest")
    (model / "samples.json").write_text(samples)

    built = build(model)

    assert built.returncode == 1
    assert "samples.json is not a request in row form" in built.stderr.splitlines()[-1]
