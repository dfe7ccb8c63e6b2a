"""Names in the handshake and after it; the rest is in the conformance suite's group TLS."""

from __future__ import annotations

import socket

import pytest

from conformance.actors.peers import Endpoint, read_all


def test_the_server_certificate_names_the_endpoint_and_nothing_else(endpoint: Endpoint) -> None:
    with endpoint.connect(endpoint.alice) as connection:
        certificate = connection.getpeercert() or {}
    names = [str(entry[1]) for entry in certificate["subjectAltName"]]

    assert names[0] == "localhost"
    assert names[1].endswith(".westeurope.azurecontainer.io")
    assert len(names) == 2
    with endpoint.connect(endpoint.alice, sni=names[1]):
        pass


@pytest.mark.parametrize("name", ["alice", None])
@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "localhost.example.com"])
def test_another_host_after_the_right_name_is_closed_without_an_answer(
    endpoint: Endpoint, host: str, name: str | None
) -> None:
    identity = endpoint.alice if name else None

    with endpoint.reaching_model() as arrived:
        answer = endpoint.get(identity, Host=host)

    assert (answer.raw, arrived) == (b"", [])


def test_plain_http_is_told_to_use_https(endpoint: Endpoint) -> None:
    with (
        endpoint.reaching_model() as arrived,
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as plain,
    ):
        plain.sendall(endpoint.request("POST", "/v1/models/demo:predict", b"{}"))
        answer = read_all(plain)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"error": "this port speaks TLS only: use https"}' in answer
    assert arrived == []
