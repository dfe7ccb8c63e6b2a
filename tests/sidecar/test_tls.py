"""The TLS that the endpoint speaks, and what it does not."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.peers import Authority, Endpoint, read_all


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_work(endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    context = endpoint.context(endpoint.alice)
    context.minimum_version = context.maximum_version = version

    answer = endpoint.send(
        endpoint.alice, endpoint.request("GET", "/v1/models/demo"), context=context
    )

    assert answer.status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_are_refused(endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    context = endpoint.context(endpoint.alice)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    with endpoint.reaching_model() as arrived, pytest.raises(ssl.SSLError, match="alert"):
        endpoint.connect(endpoint.alice, context=context)

    assert arrived == []


@pytest.mark.parametrize(
    "cipher",
    ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"],
)
def test_weak_suites_are_refused(endpoint: Endpoint, cipher: str) -> None:
    context = endpoint.context(endpoint.alice)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError, match="handshake failure"):
        endpoint.connect(endpoint.alice, context=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_cannot_be_resumed(endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    """A resumed session would not be checked against the list or the certificate's end."""
    context = endpoint.context(endpoint.alice)
    context.minimum_version = context.maximum_version = version
    request = endpoint.request("GET", "/v1/models/demo")
    with endpoint.connect(endpoint.alice, context=context) as first:
        first.sendall(request)
        read_all(first)
        session = first.session

    plain = socket.create_connection(("127.0.0.1", endpoint.port), timeout=10)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as second:
        second.sendall(request)
        read_all(second)
        assert not second.session_reused


def test_renegotiation_is_refused(endpoint: Endpoint) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{endpoint.port}"]
    command += ["-servername", "localhost", "-tls1_2", "-legacy_renegotiation"]
    command += ["-cert", str(endpoint.alice.file), "-key", str(endpoint.alice.file)]

    shown = subprocess.run(
        command, input=b"R\nGET / HTTP/1.1\n\n", capture_output=True, timeout=20, check=False
    )

    assert b"RENEGOTIATING" in shown.stdout + shown.stderr
    assert b"HTTP/1.1" not in shown.stdout


def test_a_client_of_the_stack_knows_the_endpoint_from_an_impostor(endpoint: Endpoint) -> None:
    other = Authority.new(endpoint.folder, endpoint.authority.certificate.subject)
    theirs = endpoint.folder / "other-ca.crt"
    theirs.write_bytes(other.certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(cafile=theirs)

    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        endpoint.connect(None, context=context)


def test_the_server_certificate_names_the_endpoint_and_nothing_else(endpoint: Endpoint) -> None:
    with endpoint.connect(endpoint.alice) as connection:
        certificate = connection.getpeercert() or {}
    names = [str(entry[1]) for entry in certificate["subjectAltName"]]

    assert names[0] == "localhost"
    assert names[1].endswith(".westeurope.azurecontainer.io")
    assert len(names) == 2
    with endpoint.connect(endpoint.alice, sni=names[1]):
        pass


@pytest.mark.parametrize("sni", ["example.com", "127.0.0.1.example.com", None])
def test_another_name_or_none_in_the_handshake_is_refused(
    endpoint: Endpoint, sni: str | None
) -> None:
    context = endpoint.context(endpoint.alice)
    context.check_hostname = False  # the name is wrong on purpose; the chain is still verified

    with (
        endpoint.reaching_model() as arrived,
        pytest.raises(ssl.SSLError, match="unrecognized name"),
    ):
        endpoint.connect(endpoint.alice, context=context, sni=sni)

    assert arrived == []


@pytest.mark.parametrize("name", ["alice", None])
@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "localhost.example.com"])
def test_another_host_after_the_right_name_is_closed_without_an_answer(
    endpoint: Endpoint, host: str, name: str | None
) -> None:
    identity = endpoint.alice if name else None

    with endpoint.reaching_model() as arrived:
        answer = endpoint.get(identity, Host=host)

    assert (answer.raw, arrived) == (b"", [])


def test_http_2_is_not_spoken(endpoint: Endpoint) -> None:
    context = endpoint.context(endpoint.alice)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with endpoint.connect(endpoint.alice, context=context) as connection:
        assert connection.selected_alpn_protocol() != "h2"

    with endpoint.reaching_model() as arrived:
        answer = endpoint.send(endpoint.alice, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert answer.status in (0, 400)
    assert arrived == []


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
