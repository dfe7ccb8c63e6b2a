"""Only clients of the stack get a prediction; nobody else's request reaches the model."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from conformance.actors.forgery import HOUR, forged, shown
from conformance.actors.peers import Authority, Endpoint, Identity


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_client_of_the_stack_gets_its_prediction_and_the_model_learns_its_name(
    endpoint: Endpoint, name: str
) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(getattr(endpoint, name))

    assert answer.status == 200
    assert json.loads(answer.body) == {"predictions": [[19.0], [17.0]]}
    assert [(e["client_name"], e["client_serial"]) for e in arrived] == [
        (name, endpoint.serials[name])
    ]
    assert arrived[0]["request_id"] == answer.headers["x-request-id"]


NOT_ACCEPTED = "the client certificate was not accepted: FAILED:"
NOT_LISTED = "the client certificate is not on the list of this endpoint"


def expired(endpoint: Endpoint) -> Identity:
    return shown(forged(endpoint.authority, starts_in=-2 * HOUR, ends_in=-HOUR))


def not_yet_valid(endpoint: Endpoint) -> Identity:
    return shown(forged(endpoint.authority, starts_in=HOUR, ends_in=2 * HOUR))


def from_another_ca(endpoint: Endpoint) -> Identity:
    return shown(forged(another_ca(endpoint)))


def with_its_own_ca(endpoint: Endpoint) -> Identity:
    other = another_ca(endpoint)
    return shown(forged(other), other.certificate)


def another_ca(endpoint: Endpoint) -> Authority:
    return Authority.new(endpoint.folder, endpoint.authority.certificate.subject)


def from_a_ca_below(endpoint: Endpoint) -> Identity:
    return shown(forged(forged(endpoint.authority, common_name="CA below", is_ca=True)))


def unlisted(endpoint: Endpoint) -> Identity:
    return shown(forged(endpoint.authority))


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        (lambda _: None, 400, "a client certificate is required"),
        (expired, 400, NOT_ACCEPTED + "certificate has expired"),
        (not_yet_valid, 400, NOT_ACCEPTED + "certificate is not yet valid"),
        (from_another_ca, 400, NOT_ACCEPTED + "unable to verify the first certificate"),
        (with_its_own_ca, 400, NOT_ACCEPTED + "self-signed certificate in certificate chain"),
        (from_a_ca_below, 400, NOT_ACCEPTED + "unable to verify the first certificate"),
        (unlisted, 403, NOT_LISTED),
    ],
)
def test_everybody_else_is_told_why_not(
    endpoint: Endpoint,
    make: Callable[[Endpoint], Identity | None],
    status: int,
    error: str,
) -> None:
    """Who is refused is what the conformance suite's cases CERT are about."""
    answer = endpoint.predict(make(endpoint))

    assert (answer.status, answer.error) == (status, error)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "fields",
    [
        {"X_Client_Name": "bob", "X_Client_Serial": "00"},
        {"x_client_name": "bob", "x_client_serial": "00"},
        {"X-Client_Name": "bob", "Forwarded": "for=bob", "X_Forwarded_For": "10.0.0.1"},
        {"X_Request_ID": "mine", "X_SSL_Client_CN": "bob", "Ssl_Client_Verify": "SUCCESS"},
    ],
)
def test_nobody_can_say_who_they_are_in_a_header(
    endpoint: Endpoint, fields: dict[str, str]
) -> None:
    with endpoint.reaching_model() as arrived:
        answer = endpoint.get(endpoint.alice, **fields)

    assert answer.status == 200
    assert [(e["client_name"], e["client_serial"]) for e in arrived] == [
        ("alice", endpoint.serials["alice"])
    ]
    assert arrived[0]["request_id"] == answer.headers["x-request-id"] != "mine"


def test_underscored_and_repeated_identity_headers_change_nothing(endpoint: Endpoint) -> None:
    lines = b"X_Client_Name: bob\r\nX-Client-Name: bob\r\nX-CLIENT-NAME: carol\r\n"
    request = endpoint.request("GET", "/v1/models/demo").replace(
        b"\r\n\r\n", b"\r\n" + lines + b"\r\n"
    )

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, request)

    assert answer.status == 200
    assert [e["client_name"] for e in arrived] == ["alice"]
