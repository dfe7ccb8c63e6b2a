"""`make up MODEL=models:/name/version`, with a real MLflow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.names import PROJECT
from common.refusal import Refusal
from localcloud import mlflow_models
from localcloud.mlflow_models import fetched

UV = PROJECT / ".local" / "tools" / "bin" / "uv"
DOWNLOAD = PROJECT / "localcloud" / "mlflow_download.py"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The address of its tracking, and the id of the run that made `net`."""
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "made").mkdir()
    (folder / "made" / "net.onnx").write_text("weights")
    subprocess.run([UV, "sync", "--quiet", "--locked", "--script", DOWNLOAD], check=True)
    python = subprocess.run(
        [UV, "python", "find", "--script", DOWNLOAD], capture_output=True, text=True, check=True
    ).stdout.strip()
    register = Path(__file__).with_name("register_models.py")
    run = subprocess.run(
        [python, register, folder / "made" / "net.onnx"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return f"sqlite:///{folder}/mlflow.db", run.stdout.split()[-1]


@pytest.fixture
def run_id(registry: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    tracking, run_id = registry
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    monkeypatch.setattr(mlflow_models, "_FOLDER", tmp_path / "fetched")
    return run_id


@pytest.mark.parametrize("uri", ["models:/net@champion", "runs:/{run_id}/net"])
def test_a_model_is_fetched_by_its_version_and_by_its_run(run_id: str, uri: str) -> None:
    folder = fetched(uri.format(run_id=run_id))

    assert (folder / "net.onnx").read_text() == "weights"
    assert (folder / "MLmodel").is_file()


@pytest.mark.usefixtures("run_id")
def test_what_mlflow_does_not_give_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        fetched("models:/other/1")

    said = str(refused.value)
    assert said.startswith(
        "MODEL is models:/other/1, and MLflow does not give it: Registered Model with name=other "
        "not found. Its tracking is sqlite:///"
    )
    assert "\n" not in said
    assert not list((tmp_path / "fetched").iterdir())
