"""Models that are in MLflow: `make up MODEL=models:/name/version`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from common.names import PROJECT
from common.refusal import Refusal

SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
_UV = PROJECT / ".local" / "tools" / "bin" / "uv"
_SCRIPT = Path(__file__).with_name("mlflow_download.py")
_FOLDER = PROJECT / ".local" / "mlflow"


def fetched(uri: str) -> Path:
    """Download a model, and return its folder.

    Raises:
        Refusal: with MLflow's reason, if it does not give it.
    """
    folder = _FOLDER / re.sub(r"[^A-Za-z0-9._-]+", "-", uri)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"fetching {uri} from MLflow ...", flush=True)
    try:
        run = subprocess.run(
            [_UV, "run", "--quiet", "--locked", "--script", _SCRIPT, uri, folder],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    except OSError as error:
        raise Refusal(f"MODEL is {uri}, and uv cannot be run ({error}); type: make tools") from None
    if run.returncode:
        shutil.rmtree(folder)
        said = run.stderr.strip().splitlines() or ["nothing was said"]
        where = os.environ.get("MLFLOW_TRACKING_URI") or "none, so what is in this folder"
        raise Refusal(
            f"MODEL is {uri}, and MLflow does not give it: {said[-1].rstrip('.')}. Its tracking is "
            f"{where}; type: export MLFLOW_TRACKING_URI=<address>, or give another model"
        )
    inside = list(folder.iterdir())  # of a run a path may be asked for, which comes along
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
