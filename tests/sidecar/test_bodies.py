"""Bodies: whole and in time they reach the model, otherwise it never hears of them."""

from __future__ import annotations

import json

from conformance.actors.peers import Endpoint

LIMIT = 8 * 1024 * 1024
PATH = "/v1/models/demo:predict"


def padded(size: int) -> bytes:
    """A request body of exactly `size` bytes that the model accepts."""
    body = b'{"instances": [[10.0], [9.0]]'
    return body + b" " * (size - len(body) - 1) + b"}"


def test_a_body_at_the_limit_is_predicted(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(endpoint.alice, padded(LIMIT))

    assert json.loads(answer.body) == {"predictions": [[19.0], [17.0]]}
    assert len(arrived) == 1


def test_a_byte_more_is_refused(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(
            endpoint.alice, endpoint.request("POST", PATH, b"x" * (LIMIT + 1))[:2000]
        )

    assert (answer.status, arrived) == (413, [])
    assert answer.error == "the request body is larger than 8 MB"


def test_what_the_model_says_of_a_broken_body_arrives_as_it_was_said(endpoint: Endpoint) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(endpoint.alice, b'{"instances": [[')

    assert answer.status == 400
    assert "JSON" in answer.error
    assert len(arrived) == 1
