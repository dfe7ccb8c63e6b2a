"""Predictions and refusals, over HTTP, as TensorFlow Serving's REST contract has them."""

from __future__ import annotations

import base64
import gzip
import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.model_image.conftest import Server, StartServer

PREDICT = "/v1/models/demo:predict"


def error_of(response: httpx.Response, status: int) -> str:
    """The sentence of a refusal, whose shape is checked on the way."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert list(answer) == ["error"]
    sentence = str(answer["error"])
    assert sentence
    assert "\n" not in sentence
    return sentence


def test_rows_are_answered_with_predictions(client: httpx.Client) -> None:
    response = client.post(PREDICT, json={"instances": [[10.0], [9.0]]})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"predictions": [[19.0], [17.0]]}


def test_columns_are_answered_with_outputs(client: httpx.Client) -> None:
    response = client.post(PREDICT, json={"inputs": [[10.0], [9.0]]})
    assert response.json() == {"outputs": [[19.0], [17.0]]}


def test_inputs_may_be_named_in_both_forms(client: httpx.Client) -> None:
    rows = client.post(PREDICT, json={"instances": [{"x": [10]}, {"x": [9]}]})
    columns = client.post(PREDICT, json={"inputs": {"x": [[10], [9]]}})
    assert rows.json() == {"predictions": [[19.0], [17.0]]}
    assert columns.json() == {"outputs": [[19.0], [17.0]]}


def test_float32_results_are_written_without_noise_digits(client: httpx.Client) -> None:
    response = client.post(PREDICT, json={"instances": [[0.1]]})
    assert response.text == '{"predictions":[[-0.8]]}'


@pytest.mark.parametrize("largest", ["3.4028235e38", "-3.4028235e38", "3.4028234663852886e38"])
def test_the_largest_number_is_taken_as_short_as_it_is_written(
    start_server: StartServer, other_models: Path, largest: str
) -> None:
    server = start_server(MODEL_PATH=str(other_models / "any_rank"))
    server.wait_until("/health/ready", 200)
    answer = httpx.post(
        server.url + "/v1/models/model:predict",
        content=f'{{"inputs": {{"x": {largest}, "factor": 1}}}}',
    )
    assert answer.json() == {"outputs": math.copysign(3.4028235e38, float(largest))}


def test_a_version_can_be_named(client: httpx.Client) -> None:
    response = client.post("/v1/models/demo/versions/1:predict", json={"instances": [[10.0]]})
    assert response.json() == {"predictions": [[19.0]]}


@pytest.mark.parametrize("signature", ["serving_default", ""])
def test_the_default_signature_can_be_named(client: httpx.Client, signature: str) -> None:
    request = {"signature_name": signature, "instances": [[10.0]]}
    assert client.post(PREDICT, json=request).json() == {"predictions": [[19.0]]}


def test_the_content_type_does_not_matter(client: httpx.Client) -> None:
    """`curl -d` sends a form's, and TensorFlow Serving's own examples use it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.post(PREDICT, content=b'{"instances": [[10.0]]}', headers=headers)
    assert response.json() == {"predictions": [[19.0]]}


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (b"", "not valid JSON"),
        (b'{"instances": [[1]', "not valid JSON"),
        (b"\xff\xfe", "is not UTF-8, which JSON is written in"),
        (b'{"instances": [[NaN]]}', "not valid JSON"),
        (b'{"instances": [[-Infinity]]}', "not valid JSON"),
        (b'{"instances": [[1e400]]}', "not valid JSON"),
        (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
        (b'{"instances": ' + b"[" * 1000 + b"]" * 1000 + b"}", "nested deeper"),
        (b'{"instances": ' + b"[" * 1000 + b"1" + b"]" * 1000 + b"}", "nested deeper"),
        (b'{"x": ' * 100_000 + b"1" + b"}" * 100_000, "not valid JSON"),
        (b"[[10.0]]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{}", "either 'instances' (rows) or 'inputs' (columns)"),
        (b'{"instances": [[1]], "inputs": [[1]]}', "only one"),
        (b'{"instances": []}', "at least one instance"),
        (b'{"instances": {"x": [[1]]}}', "must be a list"),
        (b'{"instances": null}', "must be a list"),
        (b'{"instances": [[]]}', "no values"),
        (b'{"inputs": []}', "no values"),
        (b'{"inputs": {}}', "keys 'x'"),
        (b'{"inputs": {"z": [[1]]}}', "keys 'x'"),
        (b'{"inputs": {"x": [[1]], "z": 1}}', "keys 'x'"),
        (b'{"instances": [{"z": [1]}]}', "keys 'x'"),
        (b'{"instances": [{"x": [1]}, [1]]}', "Instance 1"),
        (b'{"instances": [[1], {"x": [1]}]}', "ragged"),
        (b'{"instances": [10.0, 9.0]}', "shape [any, 1], but the values given have the shape [2]"),
        (b'{"instances": [[1, 2]]}', "shape [1, 2]"),
        (b'{"instances": [[[1]]]}', "shape [1, 1, 1]"),
        (b'{"inputs": 1}', "shape []"),
        (b'{"instances": [[1], [1, 2]]}', "ragged"),
        (b'{"instances": [[1], 1]}', "ragged"),
        (b'{"instances": [1, [1]]}', "ragged"),
        (b'{"instances": [["10"]]}', "not a string"),
        (b'{"instances": [[true]]}', "not a boolean"),
        (b'{"instances": [[null]]}', "not null"),
        (b'{"instances": [[{"b64": "MQ=="}]]}', "not an object"),
        (b'{"instances": [[1], ["1"]]}', "not a string"),
        (b'{"instances": [[1e39]]}', "outside the range of DT_FLOAT"),
        (b'{"instances": [[' + b"9" * 300 + b"]]}", "outside the range of DT_FLOAT"),
        (b'{"instances": [[' + b"9" * 100_000 + b"]]}", "not valid JSON"),
        (b'{"instances": [[3e38]]}', "not a finite number"),
        ('{"inputs": [[1]]}'.encode("utf-16"), "UTF-8, which JSON is written in: invalid start"),
        ('{"inputs": [[1]]}'.encode("utf-16-le"), "holds bytes of zero, as UTF-16 does"),
        ('{"inputs": ["é"]}'.encode("latin-1"), "at byte 13."),
        (
            gzip.compress(b'{"inputs": [[1]]}', mtime=0),
            "send the header Content-Encoding: gzip",
        ),
        (b'{"signature_name": "other", "instances": [[1]]}', "no signature 'other'"),
        (b'{"signature_name": 1, "instances": [[1]]}', "must be a string"),
        (b'{"signature_name": null, "instances": [[1]]}', "must be a string"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:40]),
)
def test_a_wrong_request_is_refused_with_one_sentence(
    client: httpx.Client, body: bytes, about: str
) -> None:
    assert about in error_of(client.post(PREDICT, content=body), 400)


@pytest.mark.parametrize(
    ("method", "path", "status", "about"),
    [
        ("POST", "/v1/models/other:predict", 404, "'other' is not served here; 'demo' is"),
        ("GET", "/v1/models/other", 404, "'other' is not served here"),
        ("GET", "/v1/models/other/metadata", 404, "'other' is not served here"),
        ("POST", "/v1/models/demo/versions/2:predict", 404, "no version '2'; it serves 1"),
        ("GET", "/v1/models/demo/versions/" + "9" * 5000, 404, "no version '999"),
        ("GET", "/v1/models/demo/versions/x/metadata", 404, "no version 'x'"),
        ("GET", "/v1/models/demo/", 404, "nothing at '/v1/models/demo/'"),
        ("POST", "/v1/models/demo:classify", 404, "nothing at"),
        ("GET", "/v1/models/%00%ff%2e:x", 404, "nothing at"),
        ("GET", "/", 404, "nothing at '/'"),
        ("GET", "/docs", 404, "nothing at '/docs'"),
        ("GET", PREDICT, 405, "does not take GET"),
        ("POST", "/v1/models/demo", 405, "does not take POST"),
        ("DELETE", "/health/live", 405, "does not take DELETE"),
    ],
)
def test_what_is_not_there_is_refused_with_one_sentence(
    client: httpx.Client, method: str, path: str, status: int, about: str
) -> None:
    response = client.request(method, path, content=b'{"instances": [[1]]}')
    assert about in error_of(response, status)
    assert ("allow" in response.headers) == (status == 405)


def test_a_malformed_host_is_no_failure_of_the_server(client: httpx.Client) -> None:
    assert client.get("/health/live", headers={"Host": "["}).status_code == 200
    assert "nothing at '/x'" in error_of(client.get("/x", headers={"Host": "["}), 404)


def test_a_body_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    assert "larger than" in error_of(client.post(PREDICT, content=b" " * (64 * 2**20 + 1)), 413)


def test_many_parallel_requests_get_their_own_answers(client: httpx.Client) -> None:
    def ask(number: int) -> tuple[int, Any]:
        response = client.post(PREDICT, json={"instances": [[number]] * (number % 50 + 1)})
        return response.status_code, response.json()

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(1000)))
    for number, answer in enumerate(answers):
        expected = [[2.0 * number - 1]] * (number % 50 + 1)
        assert answer == (200, {"predictions": expected})


def test_a_large_batch_is_right(client: httpx.Client) -> None:
    numbers = random.Random(1).sample(range(-1_000_000, 1_000_000), 500_000)  # noqa: S311
    response = client.post(PREDICT, json={"instances": [[number] for number in numbers]})
    assert response.json()["predictions"] == [[2.0 * number - 1] for number in numbers]


def test_several_inputs_and_outputs_go_by_name(versions_server: Server) -> None:
    url = versions_server.url + "/v1/models/pair/versions/2:predict"
    rows = [{"count": 1, "flag": True}, {"count": 2, "flag": False}]
    assert httpx.post(url, json={"instances": rows}).json() == {
        "predictions": [{"double": 2, "answer": True}, {"double": 4, "answer": False}]
    }
    columns = {"count": [1, 2], "flag": [True, False]}
    assert httpx.post(url, json={"inputs": columns}).json() == {
        "outputs": {"double": [2, 4], "answer": [True, False]}
    }


@pytest.mark.parametrize(("model", "labels"), [("numbered", (0, 1)), ("named", ("healthy", "ill"))])
def test_a_long_answer_with_several_outputs_is_whole(
    start_server: StartServer, other_models: Path, model: str, labels: tuple[object, object]
) -> None:
    server = start_server(MODEL_PATH=str(other_models / model))
    server.wait_until("/health/ready", 200)
    numbers = [[number % 7 - 3] for number in range(10_001)]

    rows = server.predict({"instances": numbers}).json()["predictions"]
    columns = server.predict({"inputs": numbers}).json()["outputs"]

    assert [row["label"] for row in rows] == [labels[number > 0] for (number,) in numbers]
    assert columns == {name: [row[name] for row in rows] for name in ("label", "scores")}


def test_the_newest_version_is_the_default_and_newest_is_a_matter_of_numbers(
    versions_server: Server,
) -> None:
    def answer(version: str) -> bool:
        response = httpx.post(
            f"{versions_server.url}/v1/models/pair{version}:predict",
            json={"instances": [{"count": 1, "flag": True}]},
        )
        return bool(response.json()["predictions"][0]["answer"])

    assert answer("/versions/2") is True
    assert answer("/versions/10") is False
    assert answer("") is False


@pytest.mark.parametrize(
    ("count", "about"),
    [
        (1.5, "takes whole numbers (DT_INT64), not a decimal number"),
        (2**63, "outside the range of DT_INT64"),
        (2**64, "outside the range of DT_INT64"),
        (10**400, "not valid JSON"),
        (True, "not a boolean"),
    ],
)
def test_whole_numbers_are_taken_exactly_or_not_at_all(
    versions_server: Server, count: object, about: str
) -> None:
    body = f'{{"inputs": {{"count": [{json.dumps(count)}], "flag": [true]}}}}'
    response = httpx.post(versions_server.url + "/v1/models/pair:predict", content=body)
    assert about in error_of(response, 400)


def test_several_inputs_need_their_names(versions_server: Server) -> None:
    url = versions_server.url + "/v1/models/pair:predict"
    for request in ({"instances": [1]}, {"inputs": [1]}):
        assert "'count', 'flag'" in error_of(httpx.post(url, json=request), 400)


def test_text_goes_in_and_out(start_server: StartServer, other_models: Path) -> None:
    server = start_server(MODEL_PATH=str(other_models / "words"))
    server.wait_until("/health/ready", 200)
    url = server.url + "/v1/models/model/versions/1764115200000000000:predict"
    words = ["grün", "", "a\u0000b", "🙂"]
    assert httpx.post(url, json={"instances": words}).json() == {"predictions": words}
    assert "takes strings" in error_of(httpx.post(url, json={"instances": [1]}), 400)

    written = [{"b64": base64.b64encode(word.encode()).decode()} for word in words]
    assert httpx.post(url, json={"instances": written}).json() == {"predictions": words}
    named = [{"word": word} for word in written]
    assert httpx.post(url, json={"instances": named}).json() == {"predictions": words}
    mixed = {"word": [words[0], *written[1:]]}
    assert httpx.post(url, json={"inputs": mixed}).json() == {"outputs": words}
    for wrong in ("a", "ä", "/w=="):  # its length, its letters, and what is no text
        refused = httpx.post(url, json={"instances": [{"b64": wrong}]})
        assert "Input 'word' holds b64 that is no text: " in error_of(refused, 400)


def test_one_output_for_a_whole_batch_needs_the_column_form(
    start_server: StartServer, other_models: Path
) -> None:
    server = start_server(MODEL_PATH=str(other_models / "total"))
    server.wait_until("/health/ready", 200)
    assert server.predict({"inputs": [0.1, 0.1]}).text == '{"outputs":0.2}'
    assert "column form" in error_of(server.predict({"instances": [1, 2, 3]}), 400)


def test_a_failure_inside_the_graph_is_a_refusal(
    start_server: StartServer, other_models: Path
) -> None:
    server = start_server(MODEL_PATH=str(other_models / "square"))
    server.wait_until("/health/ready", 200)
    assert server.predict({"inputs": [[2]]}).json() == {"outputs": [[4.0]]}
    assert "cannot take these inputs" in error_of(server.predict({"inputs": [[1, 2]]}), 400)


def test_where_the_graph_leaves_the_rank_open_any_shape_is_taken(
    start_server: StartServer, other_models: Path
) -> None:
    server = start_server(MODEL_NAME="demo", MODEL_PATH=str(other_models / "any_rank"))
    server.wait_until("/health/ready", 200)
    with httpx.Client(base_url=server.url) as client:
        for x, y in ((1, 2.0), ([1], [2.0]), ([[1, 2]], [[2.0, 4.0]]), ([[[0.5]]], [[[1.0]]])):
            answer = client.post(PREDICT, json={"inputs": {"x": x, "factor": 2}})
            assert answer.json() == {"outputs": y}
        deep = b"[" * 64 + b"1" + b"]" * 64
        for body, status in ((deep, 200), (b"[" + deep + b"]", 400)):
            content = b'{"inputs": {"factor": 2, "x": ' + body + b"}}"
            assert client.post(PREDICT, content=content).status_code == status
        refused = client.post(PREDICT, json={"inputs": {"x": 1.0, "factor": [2]}})
        assert "'factor' has the shape []" in error_of(refused, 400)
        metadata = client.get("/v1/models/demo/metadata").json()["metadata"]["signature_def"]
        signature = metadata["signature_def"]["serving_default"]
        unknown = {
            name: value["tensor_shape"]["unknown_rank"]
            for values in (signature["inputs"], signature["outputs"])
            for name, value in values.items()
        }
    assert unknown == {"x": True, "factor": False, "y": True}


def test_text_is_compared_in_any_script(start_server: StartServer, other_models: Path) -> None:
    """Its graph wants the locale en_US.UTF-8, as those of scikit-learn's vectorizers do."""
    server = start_server(MODEL_NAME="demo", MODEL_PATH=str(other_models / "lower"))
    server.wait_until("/health/ready", 200)
    answer = httpx.post(server.url + PREDICT, json={"inputs": ["ÉCOLE", "Straße", "ΟΔΌΣ"]})
    assert answer.json() == {"outputs": ["école", "straße", "οδόσ"]}


def test_why_the_graph_refuses_is_said_whole(start_server: StartServer, other_models: Path) -> None:
    server = start_server(MODEL_NAME="demo", MODEL_PATH=str(other_models / "square"))
    server.wait_until("/health/ready", 200)
    refused = httpx.post(server.url + PREDICT, json={"inputs": [[1, 2, 3], [4, 5, 6]]})
    sentence = error_of(refused, 400)
    assert "MatMul dimension mismatch" in sentence
    assert "onnxruntime_src" not in sentence
