"""Has others' clients predict; see clients_of_others.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from common.names import PROJECT

UV = PROJECT / ".local" / "tools" / "bin" / "uv"
SCRIPT = Path(__file__).with_name("clients_of_others.py")
PREDICTED = [[19.0], [17.0]]


def tried_by_all(url: str, *identity: str) -> None:
    """Raise AssertionError if one is told something else than f(10) and f(9) of the demo."""
    run = subprocess.run(
        [UV, "run", "--quiet", "--locked", "--script", SCRIPT, url, *identity],
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(run.stdout)
    triton, kserve, openvino = told["triton"], told["kserve"], told["openvino"]
    for client in (triton, kserve):
        assert (client["live"], client["ready"], client["model ready"]) == (True, True, True)
        assert client["answers"] == [["7", PREDICTED]] * len(client["answers"])
    assert (triton["version ready"], triton["no such version"]) == (True, False)
    assert triton["all outputs"] == PREDICTED
    assert triton["server"]["extensions"] == ["binary_tensor_data"]
    assert triton["model"]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}]
    assert triton["refused"] == "[400] The inputs of the model are 'x': give each of them once."
    if not identity:
        assert openvino["predicted"] == PREDICTED
        assert openvino["status"]["1"]["state"] == "AVAILABLE"
        assert openvino["model"]["model_spec"]["name"] == "demo"
