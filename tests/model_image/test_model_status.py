"""What the server says about its model, about itself, and in its log."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.model_image.conftest import held_up, with_loader

if TYPE_CHECKING:
    from tests.model_image.conftest import Server, StartServer

AVAILABLE = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@pytest.mark.parametrize("path", ["/v1/models/demo", "/v1/models/demo/versions/1"])
def test_status_lists_the_version_as_available(client: httpx.Client, path: str) -> None:
    assert client.get(path).json() == {"model_version_status": [{"version": "1", **AVAILABLE}]}


def test_status_lists_all_versions_newest_first(versions_server: Server) -> None:
    status = httpx.get(versions_server.url + "/v1/models/pair").json()
    assert [entry["version"] for entry in status["model_version_status"]] == ["10", "2"]
    one = httpx.get(versions_server.url + "/v1/models/pair/versions/2").json()
    assert one == {"model_version_status": [{"version": "2", **AVAILABLE}]}


@pytest.mark.parametrize("path", ["/v1/models/demo", "/v1/models/demo/versions/1"])
def test_metadata_describes_the_graph(client: httpx.Client, path: str) -> None:
    shape = {"dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}], "unknown_rank": False}
    assert client.get(path + "/metadata").json() == {
        "model_spec": {"name": "demo", "signature_name": "", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x"}},
                        "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "y"}},
                        "method_name": "tensorflow/serving/predict",
                    }
                }
            }
        },
    }


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_ok_once_the_model_is_loaded(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_long_prediction_does_not_silence_the_health_probes(
    image: Path, start_server: StartServer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    server = start_server(command=with_loader(image, held_up("worker.predict", gate)))
    server.wait_until("/health/ready", 200)
    with ThreadPoolExecutor() as pool:
        predictions = [
            pool.submit(server.predict, {"instances": [[1]]})
            for _ in range(2)  # as many as there are workers at least: one that waits is refused
        ]
        for _ in range(20):
            assert httpx.get(server.url + "/health/live", timeout=1).status_code == 200
            assert httpx.get(server.url + "/health/ready", timeout=1).status_code == 200
        assert not any(prediction.done() for prediction in predictions)
        gate.touch()
        assert [prediction.result().status_code for prediction in predictions] == [200] * 2


def test_while_the_model_loads_the_server_lives_but_is_not_ready(
    image: Path, start_server: StartServer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    server = start_server(command=with_loader(image, held_up("loader.load", gate)))
    server.wait_until("/health/live", 200)
    for method, path in [
        ("GET", "/health/ready"),
        ("GET", "/v1/models/model"),
        ("GET", "/v1/models/model/metadata"),
        ("GET", "/openapi.json"),
        ("POST", "/v1/models/model:predict"),
    ]:
        response = httpx.request(method, server.url + path)
        assert response.status_code == 503
        assert "still loading" in response.json()["error"]
    assert httpx.get(server.url + "/v1/models/other").status_code == 404

    gate.touch()
    server.wait_until("/health/ready", 200)
    assert server.stop() == 0


def test_a_request_is_logged_as_one_json_line(server: Server, client: httpx.Client) -> None:
    headers = {
        "X-Client-Name": 'billing"},{"status":500',
        "X-Client-Serial": "1F00",
        "X-Request-ID": "log-1",
    }
    client.post("/v1/models/demo:predict", json={"instances": [[1]]}, headers=headers)
    line = server.log_of("log-1")
    assert line.pop("duration_ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "method": "POST",
        "path": "/v1/models/demo:predict",
        "status": 200,
        "client_name": 'billing"},{"status":500',
        "client_serial": "1F00",
        "request_id": "log-1",
    }


def test_a_refused_request_is_logged_with_its_status(server: Server, client: httpx.Client) -> None:
    client.get("/no/such%0A%E2%80%A8path", headers={"X-Request-ID": "log-2"})
    line = server.log_of("log-2")
    assert (line["status"], line["path"]) == (404, "/no/such\n\u2028path")
    assert (line["client_name"], line["client_serial"]) == (None, None)


def test_the_openapi_document_describes_the_model_and_the_real_errors(
    client: httpx.Client,
) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    number = schemas["PredictAnswerV1"]["anyOf"][0]["properties"]["predictions"]["items"]["items"]
    assert number["type"] == "number"
    assert list(schemas["Error"]["properties"]) == ["error"]
    predict = document["paths"]["/v1/models/{model}:predict"]["post"]
    assert set(predict["responses"]) == {*("200", "400", "404", "408", "413", "415", "500", "503")}
    assert "HTTPValidationError" not in schemas
    assert all(
        "422" not in operation["responses"]
        for path in document["paths"].values()
        for operation in path.values()
    )


def test_onnx_runtime_leaves_no_device_id_and_reports_to_nobody(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Its telemetry is on by default; what it would send, it first writes to disk."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    server = start_server(MODEL_NAME="demo", HOME=str(home), TMPDIR=str(temporary))
    server.wait_until("/health/ready", 200)
    httpx.post(f"{server.url}/v1/models/demo:predict", json={"instances": [[1.0]]})
    server.stop()

    assert [*home.rglob("*"), *temporary.rglob("*")] == []


def test_being_told_to_stop_counts_before_anything_heavy_is_imported(
    start_server: StartServer,
) -> None:
    """The first process of a container ignores what it does not handle, and so does this one."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server = start_server()
    finally:
        signal.signal(signal.SIGTERM, before)
    process = Path("/proc", str(server.process.pid))
    deadline = time.monotonic() + 20
    while not _catches(process, signal.SIGTERM):
        assert time.monotonic() < deadline, "SIGTERM is not handled"

    assert "onnxruntime" not in (process / "maps").read_text()
    server.stop()
    # At once or when the import that is under way has ended, but not as a crash.
    assert server.process.returncode == 0


def _catches(process: Path, number: signal.Signals) -> bool:
    status = (process / "status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
