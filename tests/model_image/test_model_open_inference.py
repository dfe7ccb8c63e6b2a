"""The Open Inference Protocol, over HTTP, with binary tensors."""

from __future__ import annotations

import json
import struct
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.model_image.test_model_predict import error_of
from tests.open_inference_clients import tried_by_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model_image.conftest import Server, StartServer

INFER = "/v2/models/demo/infer"
X = {"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [10.0, 9.0]}
Y = {"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [19.0, 17.0]}
BINARY_X = {key: X[key] for key in ("name", "shape", "datatype")} | {
    "parameters": {"binary_data_size": 8}
}
FLOATS = struct.pack("<2f", 10, 9)


def asked(**changed: object) -> dict[str, Any]:
    return {"inputs": [X | changed]}


def without(key: str) -> dict[str, Any]:
    return {"inputs": [{name: value for name, value in X.items() if name != key}]}


def binary(
    client: httpx.Client, head: object, data: bytes, length: str | None = None, path: str = INFER
) -> httpx.Response:
    text = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(text)) if length is None else length}
    return client.post(path, content=text + data, headers=headers)


def taken_apart(response: httpx.Response) -> tuple[dict[str, Any], bytes]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    return json.loads(response.content[:length]), response.content[length:]


def test_clients_that_nobody_here_wrote_get_the_models_answers(server: Server) -> None:
    tried_by_all(server.url)


def test_a_tensor_is_answered_with_a_tensor(client: httpx.Client) -> None:
    response = client.post(INFER, json={"inputs": [X]})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"model_name": "demo", "model_version": "1", "outputs": [Y]}


def test_data_may_be_nested_as_the_shape_is(client: httpx.Client) -> None:
    response = client.post(INFER, json=asked(data=[[10.0], [9.0]]))
    assert response.json()["outputs"] == [Y]


def test_an_id_comes_back_and_a_version_can_be_named(client: httpx.Client) -> None:
    path = "/v2/models/demo/versions/1/infer"
    assert client.post(path, json={"id": "ä", "inputs": [X]}).json()["id"] == "ä"


def test_hints_of_other_servers_are_ignored(client: httpx.Client) -> None:
    request = {
        "model_name": "demo",
        "id": None,
        "parameters": {"priority": 1},
        "inputs": [X | {"parameters": {"content_type": "np"}}],
        "outputs": [{"name": "y", "parameters": {"content_type": "np"}}],
    }
    assert client.post(INFER, json=request).json()["outputs"] == [Y]


@pytest.mark.parametrize(
    "asks",
    [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]},
    ],
)
def test_binary_tensors_go_in_and_out(client: httpx.Client, asks: dict[str, Any]) -> None:
    answer, data = taken_apart(binary(client, {"inputs": [BINARY_X], **asks}, FLOATS))

    assert data == struct.pack("<2f", 19, 17)
    (output,) = answer["outputs"]
    assert output == {
        **{key: Y[key] for key in ("name", "datatype", "shape")},
        "parameters": {"binary_data_size": 8},
    }


def test_what_an_output_asks_for_counts_more_than_what_the_request_asks_for(
    client: httpx.Client,
) -> None:
    request = {
        "parameters": {"binary_data_output": True},
        "inputs": [X],
        "outputs": [{"name": "y", "parameters": {"binary_data": False}}],
    }
    assert client.post(INFER, json=request).json()["outputs"] == [Y]


def test_the_length_of_the_json_may_be_padded_and_is_missed(
    server: Server, client: httpx.Client
) -> None:
    text = json.dumps({"inputs": [BINARY_X]}).encode()
    padded = HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    length = {"Inference-Header-Content-Length": f"{len(text)} "}
    padded.request("POST", INFER, text + FLOATS, length)
    assert padded.getresponse().status == 200
    refused = client.post(INFER, content=text + FLOATS)
    assert "Inference-Header-Content-Length does not say" in error_of(refused, 400)


def test_numbers_that_json_cannot_say_go_in_binary_form(client: httpx.Client) -> None:
    infinite = struct.pack("<2f", float("inf"), 1)
    asks = {"inputs": [BINARY_X], "parameters": {"binary_data_output": True}}
    _, data = taken_apart(binary(client, asks, infinite))
    assert struct.unpack("<2f", data) == (float("inf"), 1)
    refused = binary(client, {"inputs": [BINARY_X]}, infinite)
    assert "Output 'y' is not a finite number" in error_of(refused, 400)


def test_a_binary_tensor_may_stand_beside_one_in_json(versions_server: Server) -> None:
    """Two inputs, of which one is binary, and outputs in the order in which they are wanted."""
    request = {
        "inputs": [
            {
                "name": "flag",
                "shape": [3],
                "datatype": "BOOL",
                "parameters": {"binary_data_size": 3},
            },
            {"name": "count", "shape": [3], "datatype": "INT64", "data": [1, 2**62 - 1, -3]},
        ],
        "outputs": [
            {"name": "answer", "parameters": {"binary_data": True}},
            {"name": "double"},
        ],
    }
    with httpx.Client(base_url=versions_server.url) as client:
        path = "/v2/models/pair/versions/2/infer"
        answer, data = taken_apart(binary(client, request, b"\1\0\2", path=path))

    assert data == b"\1\0\1"
    assert answer["model_version"] == "2"
    assert [output["name"] for output in answer["outputs"]] == ["answer", "double"]
    assert answer["outputs"][1]["data"] == [2, 2**63 - 2, -6]


def test_text_goes_in_and_out(start_server: StartServer, other_models: Path) -> None:
    server = start_server(MODEL_PATH=str(other_models / "words"))
    server.wait_until("/health/ready", 200)
    given = ["", "ä\0b", "🙂"]
    data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in given)
    word = {"name": "word", "shape": [3], "datatype": "BYTES"}
    sized = word | {"parameters": {"binary_data_size": len(data)}}
    path = "/v2/models/model/infer"
    with httpx.Client(base_url=server.url) as client:
        request = {"inputs": [sized], "parameters": {"binary_data_output": True}}
        assert taken_apart(binary(client, request, data, path=path))[1] == data
        answer = client.post(path, json={"inputs": [word | {"data": given}]}).json()
        assert answer["outputs"][0]["data"] == given

        for broken, about in (
            (data[:-1], "'word' is not text of the shape [3] in binary form: "),
            (data[4:], "'word' is not text of the shape [3] in binary form: "),
            (data + bytes(4), "'word' is not text of the shape [3] in binary form: "),
            (bytes(8) + b"\1\0\0\0\xff", "'word' holds text that is not UTF-8: invalid start"),
        ):
            size = {"parameters": {"binary_data_size": len(broken)}}
            refused = binary(client, {"inputs": [word | size]}, broken, path=path)
            assert about in error_of(refused, 400)


def test_a_scalar_and_a_tensor_of_any_rank(start_server: StartServer, other_models: Path) -> None:
    server = start_server(MODEL_PATH=str(other_models / "any_rank"))
    server.wait_until("/health/ready", 200)
    factor = {"name": "factor", "shape": [], "datatype": "FP32", "data": [3]}
    url = server.url + "/v2/models/model"
    for shape in ([], [4], [2, 1, 2]):
        data = [1.0] if not shape else [1.0, 2, 3, 4]
        x = {"name": "x", "shape": shape, "datatype": "FP32", "data": data}
        (output,) = httpx.post(url + "/infer", json={"inputs": [factor, x]}).json()["outputs"]
        assert output["shape"] == shape
        assert output["data"] == [3 * value for value in data]
    assert [each["shape"] for each in httpx.get(url).json()["inputs"]] == [[-1], []]


def test_what_is_served_is_described(versions_server: Server) -> None:
    url = versions_server.url + "/v2"
    assert httpx.get(url + "/models/pair/versions/2").json() == {
        "name": "pair",
        "versions": ["10", "2"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "count", "datatype": "INT64", "shape": [-1]},
            {"name": "flag", "datatype": "BOOL", "shape": [-1]},
        ],
        "outputs": [
            {"name": "double", "datatype": "INT64", "shape": [-1]},
            {"name": "answer", "datatype": "BOOL", "shape": [-1]},
        ],
    }
    assert httpx.get(url + "/models/pair/ready").json() == {"name": "pair", "ready": True}
    assert "no version '3'; it serves 10, 2" in error_of(
        httpx.get(url + "/models/pair/versions/3/ready"), 404
    )


@pytest.mark.parametrize(
    ("request_", "about"),
    [
        ([], "the body: Input should be an object."),
        ({}, "inputs: Field required"),
        ({"inputs": []}, "The inputs of the model are 'x': give each of them once."),
        ({"inputs": [X, X]}, "The inputs of the model are 'x': give each of them once."),
        (asked(name="z"), "The inputs of the model are 'x': give each of them once."),
        ({"id": 7, "inputs": [X]}, "id: Input should be a valid string."),
        (asked(datatype="FP64"), "Input 'x' takes FP32, not 'FP64'."),
        (asked(shape=[2]), "Input 'x' has the shape [any, 1], but the values given have the shape"),
        (asked(shape=[-2, 1]), "inputs.0.shape.0: Input should be greater than or equal to 1."),
        (asked(shape=[0, 1], data=[]), "inputs.0.shape.0: Input should be greater than or equal"),
        (asked(shape=["2", 1]), "inputs.0.shape.0: Input should be a valid integer."),
        (asked(shape=[True, 1]), "inputs.0.shape.0: Input should be a valid integer."),
        (asked(shape=[1] * 65), "inputs.0.shape: List should have at most 64 items"),
        (asked(shape=[2**62, 1]), "is said to have the shape [4611686018427387904, 1], but its"),
        (asked(shape=[3, 1]), "is said to have the shape [3, 1], but its data have the shape [2]."),
        (asked(data=[[10.0, 9.0]]), "[2, 1], but its data have the shape [1, 2]."),
        (asked(data=["a", "b"]), "Input 'x' takes numbers (DT_FLOAT), not a string."),
        (asked(data=[1e39, 1]), "a number outside the range of DT_FLOAT"),
        (without("shape"), "inputs.0.shape: Field required."),
        (without("data"), "Give input 'x' either data or the parameter binary_data_size."),
        (
            asked(parameters={"binary_data_size": 8}),
            "Give input 'x' either data or the parameter binary_data_size.",
        ),
        (
            {"inputs": [BINARY_X | {"parameters": {"shared_memory_region": "a"}}]},
            "Inputs have no shared_memory_region here: send the data.",
        ),
        (asked(parameters={"shared_memory_region": "a"}), "Inputs have no shared_memory_region"),
        ({"parameters": [], "inputs": [X]}, "parameters: Input should be an object."),
        (asked(data=[[[[[10.0]]], [[[9.0]]]]]), "[2, 1], but the values given are nested deeper."),
        ({"inputs": [BINARY_X]}, "shape [2, 1], which are 8 bytes, and not 0."),
        (
            {"inputs": [BINARY_X | {"parameters": {"binary_data_size": -8}}]},
            "inputs.0.parameters.binary_data_size: Input should be greater than or equal to 0.",
        ),
        ({"inputs": [X], "outputs": [{"name": "z"}]}, "The outputs of the model are 'y': ask for"),
        ({"inputs": [X], "outputs": [{"name": "y"}] * 2}, "The outputs of the model are 'y': ask"),
        (
            {"inputs": [X], "outputs": [{"name": "y", "parameters": {"classification": 1}}]},
            "Outputs have no classification here: leave it out.",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_one_sentence(
    client: httpx.Client, request_: object, about: str
) -> None:
    assert about in error_of(client.post(INFER, json=request_), 400)
    assert client.post(INFER, json={"inputs": [X]}).status_code == 200


@pytest.mark.parametrize(
    ("head", "data", "length", "about"),
    [
        ({"inputs": [BINARY_X]}, FLOATS[:-1], None, "which are 8 bytes, and not 7."),
        ({"inputs": [BINARY_X]}, FLOATS + b"a", None, "8 bytes of binary data, and 9 follow"),
        ({"inputs": [X]}, b"a", None, "0 bytes of binary data, and 1 follow the JSON."),
        ({"inputs": [X]}, b"", "9999", "Inference-Header-Content-Length is 9999, and the body"),
        ({"inputs": [X]}, b"", "-1", "Inference-Header-Content-Length is '-1'; it is a number"),
        ({"inputs": [X]}, b"", "1, 2", "Inference-Header-Content-Length is '1, 2'; it is a"),
        ({"inputs": [X]}, b"", "9" * 16, "it is a number of bytes."),
        ({"inputs": [X]}, b"", "0", "The body is not valid JSON"),
        ({"inputs": [X]}, b"", "5", "The body is not valid JSON"),
        (
            {"inputs": [BINARY_X | {"parameters": {"binary_data_size": 2**63 - 1}}]},
            FLOATS,
            None,
            "9223372036854775807 bytes of binary data, and 8 follow the JSON.",
        ),
    ],
)
def test_binary_data_that_does_not_fit_is_refused_with_one_sentence(
    client: httpx.Client, head: object, data: bytes, length: str | None, about: str
) -> None:
    assert about in error_of(binary(client, head, data, length), 400)
