"""Models of other libraries: the image's build makes ONNX of them that answers as they do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from model_image.formats import FormatError, find
from tests.model_image.conftest import CACHE, SOURCE, cached

if TYPE_CHECKING:
    from tests.model_image.conftest import BuildImage, StartServer

ForeignModels = Callable[[str], Path]
Convert = Callable[..., subprocess.CompletedProcess[str]]
Converters = Callable[[str], subprocess.Popen[str]]
CONVERT_MANY = Path(__file__).with_name("convert_many.py")
COMPILED = {"PYTHONPYCACHEPREFIX": str(CACHE.parent / "compiled")}
"""Not beside the image's sources; to compile a library takes longer than all else here."""
CONVERTERS = {
    "sklearn": "sklearn_models",
    "boosting": "boosting",
    "tensorflow": "tensorflow_models",
}
LIBRARIES = {
    "sklearn": ("forest", "histogram", "regression", "text", "columns"),
    "boosting": (
        *("lightgbm", "xgboost", "xgboost_json", "xgboost_binary", "xgboost_number"),
        "xgboost_stopped",
    ),
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
                    *("python", str(script), library, str(destination)),
                ],
                env={
                    **os.environ,
                    **COMPILED,
                    "UV_PROJECT_ENVIRONMENT": str(CACHE.parent / f"{library}-venv"),
                },
                check=True,
            )

        return cached(f"{library}-models", [script, SOURCE / "uv.lock"], make)

    return models


@pytest.fixture(scope="module")
def converters(
    foreign_models: ForeignModels, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Converters]:
    """What has a library's converter imported; see convert_many.py."""
    temporary = str(tmp_path_factory.mktemp("converting"))
    with ExitStack() as stack:

        @cache
        def start(library: str) -> subprocess.Popen[str]:
            foreign_models(library)
            python = CACHE.parent / f"{library}-venv" / "bin" / "python"
            return stack.enter_context(
                subprocess.Popen(
                    [python, "-P", CONVERT_MANY, CONVERTERS[library]],
                    env={
                        **os.environ,
                        **COMPILED,
                        "PYTHONPATH": str(SOURCE),
                        "TMPDIR": temporary,
                    },
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )

        yield start


@pytest.fixture
def convert(converters: Converters, tmp_path: Path) -> Convert:
    """Do what build.sh does with a model, in an environment that is there."""

    def run(library: str, model: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        printed = {name: tmp_path / name for name in ("stdout", "stderr")}
        request = {"model": model, "target": tmp_path / "converted", **printed}
        process = converters(library)
        assert process.stdin
        assert process.stdout
        print(json.dumps({"environment": environment, **request}, default=str), file=process.stdin)
        process.stdin.flush()
        status = process.stdout.readline()
        assert status, "what converts has ended"
        stdout, stderr = (path.read_text() for path in printed.values())
        return subprocess.CompletedProcess([str(model)], int(status), stdout, stderr)

    return run


def approximately(value: object) -> object:
    """As pytest.approx, which does not look into what is nested."""
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item) for item in value]
    return pytest.approx(value, rel=1e-3, abs=1e-4) if isinstance(value, float) else value


def test_models_of_other_libraries_are_served_as_those_predict(
    foreign_models: ForeignModels,
    source_copy: Path,
    build_image: BuildImage,
    start_server: StartServer,
) -> None:
    """All in one image, as versions of one model: an environment that converts takes longest."""
    models = [
        (library, foreign_models(library) / name)
        for library, names in LIBRARIES.items()
        for name in names
    ]
    for version, (_, model) in enumerate(models, 1):
        shutil.copytree(model, source_copy / "model" / str(version))

    built = build_image(source_copy, source_copy.parent / "image")

    assert built.returncode == 0, built.stdout + built.stderr
    assert built.stdout.count("rows are answered alike") == len(models)
    tree = source_copy.parent / "image" / "opt" / "model-server"
    assert {path.name for path in (tree / "model").rglob("*.*")} == {"model.onnx"}
    server = start_server(command=[str(tree / "bin" / "model-server")])
    server.wait_until("/health/ready", 200)
    for version, (library, model) in enumerate(models, 1):
        expected = json.loads((model / "expected.json").read_text())
        answer = server.predict(expected["request"], version=version)
        assert answer.json() == approximately(expected["answer"]), model.name
        if library == "tensorflow":  # names stay
            request = {"inputs": {"flower": expected["request"]["instances"]}}
            outputs = approximately(expected["answer"]["predictions"])
            assert server.predict(request, version=version).json() == {"outputs": outputs}


@pytest.mark.parametrize(
    ("model", "about"),
    [
        ("sklearn/precise", "single precision is too little for it, or the converter gets it wro"),
        ("boosting/lightgbm_forest", "the converter gets this kind of model wrong: take another k"),
        ("boosting/lightgbm_zeros", "differs from its original: "),
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
    assert "is a pickle, which can run anything when it is read: if it is" in refused.stderr
    assert not ran.exists()

    convert("sklearn", hostile, TRUST_PICKLE="true")
    assert ran.exists(), "the pickle would have run nothing"


@pytest.mark.parametrize("model", ["margin", "sparse"])
def test_answers_of_other_kinds_are_compared_too(
    foreign_models: ForeignModels, convert: Convert, model: str
) -> None:
    """Scores of classes without probabilities, and matrices that are mostly zeros."""
    ended = convert("sklearn", foreign_models("sklearn") / model)
    assert "60 made-up rows are answered alike" in ended.stdout, ended.stderr


def test_a_pickle_that_is_trusted_is_taken(foreign_models: ForeignModels, convert: Convert) -> None:
    ended = convert("sklearn", foreign_models("sklearn") / "pickled", TRUST_PICKLE="true")
    assert ended.returncode == 0, ended.stderr


def test_a_pickle_that_is_saved_as_told_is_taken(
    foreign_models: ForeignModels, convert: Convert, tmp_path: Path
) -> None:
    model = shutil.copytree(foreign_models("sklearn") / "pickled", tmp_path / "my model")

    with pytest.raises(FormatError) as refused:
        find(model, trusts_pickles=False)
    subprocess.run(["/bin/sh", "-c", refused.value.command], check=True)

    assert convert("sklearn", model).returncode == 0


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
        ("sklearn", "pair", None, "two classes, whose scores the converter turns round: fit it"),
        ("sklearn", "model.skops", b"PK\x03\x04", "model.skops cannot be loaded: "),
        (
            "sklearn",
            "model.SKOPS",
            b"cposix\nsystem\n(S'false'\ntR.",
            "model.SKOPS ends in capitals",
        ),
        ("boosting", "xgboost_linear", None, "is a linear booster (gblinear), and only trees are"),
        ("boosting", "model.ubj", b"{L", "model.ubj cannot be converted: "),
        ("boosting", "model.txt", b"tree\nversion=v4\n", "model.txt cannot be converted: "),
        (
            "tensorflow",
            "lambda_keras",
            None,
            "has the layer Lambda, which is code, and of a",
        ),
        ("tensorflow", "lambda_h5", None, "has the layer Lambda, which is code, and of a"),
        ("tensorflow", "own_layer", None, "has the layer Doubled, which is code, and of a"),
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
        ("[" * 9**5, "samples.json is not a request in row form"),
        ('{"instances": [["a", 2, 3, 4]]}', "'x' is float of the shape [4], and ValueError: could"),
        (
            '{"instances": [[1, 2, 3]]}',
            "of the shape [4], and a row has the shape [3]",
        ),
        (
            '{"instances": [[1, 2, 3, 4], [1]]}',
            "'x' is float of the shape [4], and ValueE",
        ),
        ('{"instances": [[1, 2, 3, NaN]]}', "a number in it is none that can be computed with."),
        (
            '{"instances": [[1, 2, 3, 1' + "0" * 400 + "]]}",
            "of the shape [4], and Overf",
        ),
        ('{"instances": [{"a": []}]}', "samples.json: [] is no number and no text."),
        ('{"instances": [{}]}', "they have the columns (none), and it takes some."),
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


@pytest.mark.parametrize("samples", ["a directory", "a link that leads nowhere"])
def test_samples_that_cannot_be_read_are_refused(
    foreign_models: ForeignModels, convert: Convert, tmp_path: Path, samples: str
) -> None:
    model = shutil.copytree(foreign_models("sklearn") / "forest", tmp_path / "forest")
    path = model / "samples.json"
    path.mkdir() if samples == "a directory" else path.symlink_to("nothing")

    ended = convert("sklearn", model)

    assert ended.stderr.splitlines() == [
        f'{path} is not a request in row form: {{"instances": [...]}}.'
    ]


def test_samples_of_other_columns_are_refused(
    foreign_models: ForeignModels, convert: Convert
) -> None:
    ended = convert("sklearn", foreign_models("sklearn") / "columns_missing")
    assert "they have the columns age, and it takes age, sex." in ended.stderr


def test_how_far_training_went_is_said(foreign_models: ForeignModels, convert: Convert) -> None:
    ended = convert("boosting", foreign_models("boosting") / "xgboost_stopped")
    assert re.search(r"taking the first \d+ of \d+ rounds: there training stopped", ended.stdout)


def test_samples_beside_onnx_are_not_put_into_the_image(
    convert: Convert, foreign_models: ForeignModels, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    converted = tmp_path / "converted"
    convert("sklearn", foreign_models("sklearn") / "forest")
    shutil.copytree(converted / "1", model)
    (model / "samples.json").write_text('{"instances": [[1, 2, 3, 4]]}')
    shutil.rmtree(converted)

    ended = convert("sklearn", model)

    assert "version 1 is ONNX already: samples.json has nothing to show" in ended.stdout
    assert [path.name for path in (converted / "1").iterdir()] == ["model.onnx"]
