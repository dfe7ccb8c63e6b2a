"""Only clients of the stack get a prediction; nobody else's request reaches the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from conformance.peers import Authority, Endpoint, Identity, rsa_key, self_signed, write_identity


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


def same_name_authority(endpoint: Endpoint) -> Authority:
    return Authority.new(endpoint.folder, endpoint.authority.certificate.subject)


def ca_certificate(endpoint: Endpoint) -> Identity:
    return write_identity(endpoint.folder, endpoint.authority.certificate, endpoint.authority.key)


NOT_ACCEPTED = "the client certificate was not accepted: FAILED:"
NOT_LISTED = "the client certificate is not on the list of this endpoint"


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        pytest.param(lambda _: None, 400, "a client certificate is required", id="none"),
        pytest.param(
            lambda e: self_signed(e.folder, e.authority.certificate.subject),
            400,
            NOT_ACCEPTED,
            id="self-signed under the CA's name",
        ),
        pytest.param(
            lambda e: same_name_authority(e).issue(),
            400,
            NOT_ACCEPTED,
            id="from another CA of the same name",
        ),
        pytest.param(
            lambda e: e.authority.issue(
                starts_in=timedelta(days=-2), ends_in=timedelta(seconds=-5)
            ),
            400,
            NOT_ACCEPTED + "certificate has expired",
            id="expired",
        ),
        pytest.param(
            lambda e: e.authority.issue(starts_in=timedelta(hours=1), ends_in=timedelta(hours=2)),
            400,
            NOT_ACCEPTED + "certificate is not yet valid",
            id="not yet valid",
        ),
        pytest.param(lambda e: e.server, 400, NOT_ACCEPTED, id="the endpoint's server certificate"),
        pytest.param(ca_certificate, 400, NOT_ACCEPTED, id="the CA's own certificate"),
        pytest.param(
            lambda e: e.authority.issue(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
            400,
            NOT_ACCEPTED,
            id="for servers only",
        ),
        pytest.param(
            lambda e: e.authority.issue(usages=(ExtendedKeyUsageOID.CODE_SIGNING,)),
            400,
            NOT_ACCEPTED,
            id="for code signing only",
        ),
        pytest.param(
            lambda e: e.authority.issue(usages=()), 403, NOT_LISTED, id="without any usage"
        ),
        pytest.param(
            lambda e: e.authority.issue(), 403, NOT_LISTED, id="signed by the CA, not on the list"
        ),
        pytest.param(
            lambda e: e.authority.issue(key=rsa_key()), 403, NOT_LISTED, id="an RSA key, not listed"
        ),
    ],
)
def test_everybody_else_is_refused_and_the_model_hears_nothing(
    endpoint: Endpoint,
    make: Callable[[Endpoint], Identity | None],
    status: int,
    error: str,
) -> None:
    identity = make(endpoint)

    with endpoint.reaching_model() as arrived:
        answer = endpoint.predict(identity)

    assert (answer.status, arrived) == (status, [])
    assert answer.error.startswith(error)
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


def test_the_common_name_alone_is_worth_nothing(endpoint: Endpoint) -> None:
    impostor = endpoint.authority.issue(common_name="alice")
    subject = x509.load_pem_x509_certificate(impostor.file.read_bytes()).subject

    with endpoint.reaching_model() as arrived:
        assert endpoint.predict(impostor).status == 403

    assert "CN=alice" in subject.rfc4514_string()
    assert arrived == []
