"""Nothing but the bundle says whom the client trusts and how it gets there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from mtls_model_client import ModelClient, ServerNotTrustedError

from conformance.actors.peers import Authority, Endpoint
from tests.conftest import free_ports
from tests.python_client.bundles import DOUBLED, bundle

INSTANCES, PREDICTIONS = DOUBLED


def test_proxies_of_the_environment_are_not_used(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{free_ports()['endpointPort']}"
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)

    with ModelClient(bundle(tmp_path / "b", endpoint), attempts=1) as model:
        assert model.predict(INSTANCES) == PREDICTIONS


def test_no_ca_of_the_environment_is_trusted(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.crt"
    stranger = Authority.new(tmp_path, x509.Name.from_rfc4514_string("CN=another CA"))
    other.write_bytes(stranger.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(endpoint.ca_file))

    with (
        ModelClient(bundle(tmp_path / "b", endpoint, ca_file=other), attempts=1) as model,
        pytest.raises(ServerNotTrustedError),
    ):
        model.predict(INSTANCES)


def test_no_secret_of_a_session_is_written_down(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))

    with ModelClient(bundle(tmp_path / "b", endpoint)) as model:
        assert model.predict(INSTANCES) == PREDICTIONS

    assert not (tmp_path / "keys.log").exists()


def test_a_program_may_change_its_folder(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path / "b", endpoint)
    monkeypatch.chdir(tmp_path)
    with ModelClient("b") as model:
        first = model.bundle
        monkeypatch.chdir("/")
        (tmp_path / "b").rename(tmp_path / "old")
        bundle(tmp_path / "b", endpoint)

        assert model.predict(INSTANCES) == PREDICTIONS
        assert model.bundle is not first
