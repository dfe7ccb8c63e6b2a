"""Only the model's own routes reach the model, each with its method.

Paths written in odd ways, and requests that are none, are in the conformance suite's group HTTP.
"""

from __future__ import annotations

import json
import socket

import pytest

from conformance.actors.peers import Endpoint, read_all

ALLOWED = [
    ("GET", "/v1/models/demo"),
    ("GET", "/v1/models/demo/versions/1"),
    ("GET", "/v1/models/demo/metadata"),
    ("GET", "/v1/models/demo/versions/1/metadata"),
    ("POST", "/v1/models/demo:predict"),
    ("POST", "/v1/models/demo/versions/1:predict"),
    ("GET", "/openapi.json"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/demo"),
    ("GET", "/v2/models/demo/ready"),
    ("GET", "/v2/models/demo/versions/1"),
    ("GET", "/v2/models/demo/versions/1/ready"),
    ("POST", "/v2/models/demo/infer"),
    ("POST", "/v2/models/demo/versions/1/infer"),
]
ROW = b'{"instances": [[1.0]]}'
TENSOR = b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}]}'


@pytest.mark.parametrize(("method", "path"), ALLOWED)
def test_the_models_routes_are_open(endpoint: Endpoint, method: str, path: str) -> None:
    body = (ROW if path.startswith("/v1") else TENSOR) if method == "POST" else None

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, endpoint.request(method, path, body))

    assert answer.status == 200
    assert [(e["method"], e["path"]) for e in arrived] == [(method, path)]
    assert answer.headers["strict-transport-security"] == "max-age=63072000"
    assert answer.headers["server"] == "nginx"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/redoc",
        "/health/ready",
        "/v1/models",
        "/v1/models/",
        "/v1/models/other",
        "/v1/models/other:predict",
        "/v1/models/demo:predict/",
        "/v1/models/demo:predict?x=1",
        "/v1/models/DEMO",
        "/v1/models/demo/versions/",
        "/v1/models/demo/versions/x",
        "/v1/models/demo/versions/-1",
        "/v1/models/demo/versions/99999999999999999999",
        "/v1/models/demo/versions/1/metadata/x",
        "/v1/models/demo:classify",
        "/openapi.json/",
        "/v2/",
        "/v2/health",
        "/v2/repository/index",
        "/v2/models",
        "/v2/models/other",
        "/v2/models/other/infer",
        "/v2/models/demo:predict",
        "/v2/models/demo/config",
        "/v2/models/demo/infer?x=1",
        "/openapi.yaml",
        "/_error/no-certificate",
    ],
)
def test_every_other_path_is_closed(endpoint: Endpoint, path: str) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.get(endpoint.alice, path)

    assert answer.status == 404
    assert "error" in json.loads(answer.body)
    assert arrived == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_a_prediction_takes_post_only(endpoint: Endpoint, method: str) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(
            endpoint.alice, endpoint.request(method, "/v1/models/demo:predict", b"")
        )

    assert (answer.status, answer.headers["allow"], arrived) == (405, "POST", [])


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", ["/v1/models/demo", "/v1/models/demo/metadata", "/openapi.json"])
def test_everything_else_takes_get_only(endpoint: Endpoint, path: str, method: str) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, endpoint.request(method, path, b""))

    assert (answer.status, answer.headers["allow"], arrived) == (405, "GET", [])


def test_the_access_log_is_json_also_when_the_request_is_hostile(endpoint: Endpoint) -> None:
    start = endpoint.access_log.stat().st_size
    endpoint.get(endpoint.alice, '/"quoted"\\x')
    endpoint.send(endpoint.bob, b'GET /\xff\x01 HTTP/1.1\r\nHost: "\xfe"\r\n\r\n')
    last = endpoint.get(endpoint.alice)

    *hostile, mine = endpoint.logged(last, start)

    assert len(hostile) == 2
    assert mine["client_name"] == "alice"
    assert mine["client_serial"] == endpoint.serials["alice"]
    assert mine["client_verify"] == "SUCCESS"
    assert (mine["status"], mine["model_status"]) == (200, "200")
    assert mine["request_seconds"] >= 0
    assert float(mine["model_seconds"]) >= 0


def test_a_refused_client_is_in_the_access_log_with_its_serial(endpoint: Endpoint) -> None:
    start = endpoint.access_log.stat().st_size
    entry = endpoint.logged(endpoint.get(endpoint.authority.issue()), start)[-1]

    assert (entry["status"], entry["client_name"]) == (403, "")
    assert len(entry["client_serial"]) > 8


def test_health_answers_the_platform_and_tells_it_nothing_else(
    endpoint: Endpoint, health_port: int
) -> None:
    def ask(path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", health_port), timeout=5) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return read_all(plain)

    with endpoint.reaching_model() as arrived:
        assert ask("/health").startswith(b"HTTP/1.1 200 ")
        assert ask("/v1/models/demo").startswith(b"HTTP/1.1 404 ")
        assert ask("/").startswith(b"HTTP/1.1 404 ")
    assert arrived == []


def test_the_model_itself_listens_on_the_loopback_interface_only(model_port: int) -> None:
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for line in list(lines)[1:]:
                address, state = line.split()[1], line.split()[3]
                if state == "0A" and int(address.split(":")[1], 16) == model_port:
                    listening.add(address.split(":")[0])

    assert listening == {"0100007F"}
