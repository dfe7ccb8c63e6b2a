"""The example that `make up` sends: of the shape and type that the model's metadata tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import predict


def spec(dtype: str, *sizes: int) -> dict[str, Any]:
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(size)} for size in sizes]}}


@pytest.mark.parametrize(
    ("inputs", "instances"),
    [
        ({"x": spec("DT_FLOAT", -1, 1)}, [[10.0], [9.0]]),
        ({"x": spec("DT_DOUBLE", -1, 2)}, [[10.0, 10.0], [9.0, 9.0]]),
        ({"x": spec("DT_UINT8", -1, -1, 2)}, [[[10, 10]], [[9, 9]]]),
        ({"x": spec("DT_STRING", -1)}, ["example", "example"]),
        ({"x": spec("DT_BOOL", -1, 1)}, [[True], [True]]),
        (
            {"age": spec("DT_INT64", -1, 1), "sex": spec("DT_STRING", -1, 1)},
            [{"age": [10], "sex": ["example"]}, {"age": [9], "sex": ["example"]}],
        ),
    ],
)
def test_an_example_has_the_shape_and_type_of_each_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, Any], instances: list[Any]
) -> None:
    url = "https://localhost/v1/models/demo:predict"
    (tmp_path / "endpoint.json").write_text(json.dumps({"predictUrl": url}))

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/models/demo/metadata"
        signature = {"serving_default": {"inputs": inputs}}
        return httpx.Response(
            200, json={"metadata": {"signature_def": {"signature_def": signature}}}
        )

    monkeypatch.setattr(
        predict, "_client", lambda *_: httpx.Client(transport=httpx.MockTransport(answer))
    )

    assert predict.example(tmp_path) == instances
