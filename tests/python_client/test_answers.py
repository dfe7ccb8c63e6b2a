"""Input that is no JSON and answers that mislead are errors of the client's own, in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from mtls_model_client import (
    InvalidInputError,
    ModelClient,
    UnexpectedAnswerError,
)

from conformance.actors.peers import Endpoint
from conformance.actors.witness import witnessed
from tests.python_client.bundles import DOUBLED, answer, bundle

INSTANCES, PREDICTIONS = DOUBLED


@pytest.mark.parametrize("instances", [[[math.nan]], [object()], [{1, 2}]])
def test_what_is_no_json_is_not_sent(
    endpoint: Endpoint, tmp_path: Path, instances: list[Any]
) -> None:
    with (
        ModelClient(bundle(tmp_path / "b", endpoint)) as model,
        endpoint.reaching_model() as arrived,
        pytest.raises(
            InvalidInputError, match=r"The instances cannot be written as JSON: .+tolist"
        ),
    ):
        model.predict(instances)

    assert arrived == []


def test_more_than_the_endpoint_takes_at_once(endpoint: Endpoint, tmp_path: Path) -> None:
    with (
        ModelClient(bundle(tmp_path / "b", endpoint), attempts=1) as model,
        pytest.raises(InvalidInputError, match="the request body is larger than 8 MB"),
    ):
        model.predict([[10.0]] * 2_000_000)


@pytest.mark.parametrize("told", [{}, {"predictions": 7}, [], {"error": "no"}])
def test_an_answer_without_predictions_is_said_to_be_one(
    endpoint: Endpoint, tmp_path: Path, told: object
) -> None:
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy") as witness:
        witness.model.answer = answer(200, told)
        with (
            ModelClient(bundle(tmp_path / "b", witness.endpoint)) as model,
            pytest.raises(UnexpectedAnswerError),
        ):
            model.predict(INSTANCES)


def test_an_answer_that_cannot_be_unpacked_is_said_to_be_one(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    garbled = answer(200, {}).replace(b"Content-Type", b"Content-Encoding: gzip\r\nContent-Type")
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy") as witness:
        witness.model.answer = garbled
        with (
            ModelClient(bundle(tmp_path / "b", witness.endpoint)) as model,
            pytest.raises(UnexpectedAnswerError, match="decompressing"),
        ):
            model.predict(INSTANCES)


@pytest.mark.parametrize("call", ["status", "metadata"])
def test_a_description_that_is_none_is_said_to_be_one(
    endpoint: Endpoint, tmp_path: Path, call: str
) -> None:
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy") as witness:
        witness.model.answer = answer(200, {"model_version_status": [{"version": "1"}]})
        with (
            ModelClient(bundle(tmp_path / "b", witness.endpoint)) as model,
            pytest.raises(UnexpectedAnswerError),
        ):
            getattr(model, call)()


def test_the_models_words_are_not_taken_for_the_endpoints(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    words = "There is no input 'client certificate expired'."
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy") as witness:
        witness.model.answer = answer(400, {"error": words})
        with (
            ModelClient(bundle(tmp_path / "b", witness.endpoint)) as model,
            pytest.raises(InvalidInputError, match="There is no input"),
        ):
            model.predict(INSTANCES)
