"""The client and the deployed endpoint: predictions, and every refusal in words."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from mtls_model_client import (
    AsyncModelClient,
    CertificateExpiredError,
    CertificateNotAcceptedError,
    CertificateNotYetValidError,
    InvalidInputError,
    Metadata,
    ModelClient,
    ModelClientError,
    ModelUnavailableError,
    NotAllowedError,
    NotOnTheListError,
    ServerNotTrustedError,
    Tensor,
    TimedOutError,
    TooManyRequestsError,
    UnreachableError,
    VersionStatus,
)

from conformance.actors.forgery import HOUR, alices_serial, forged, holder, shown
from conformance.actors.peers import Authority, Endpoint
from conformance.actors.witness import sidecar, witnessed
from tests.conformance.worse import instead
from tests.conftest import Deployment, free_ports
from tests.python_client.bundles import DOUBLED, bundle, handed_out

INSTANCES, PREDICTIONS = DOUBLED
DEMO = Metadata("demo", "1", {"x": Tensor("DT_FLOAT", (-1, 1))}, {"y": Tensor("DT_FLOAT", (-1, 1))})
ANOTHER_CA = x509.Name.from_rfc4514_string("CN=another CA")


def refusal(folder: Path, *, attempts: int = 1, timeout: float = 10) -> ModelClientError:
    """Why no prediction is made; both clients say the same."""
    with (
        ModelClient(folder, attempts=attempts, timeout=timeout) as model,
        pytest.raises(ModelClientError) as refused,
    ):
        model.predict(INSTANCES)

    async def again() -> None:
        async with AsyncModelClient(folder, attempts=attempts, timeout=timeout) as model:
            await model.predict(INSTANCES)

    with pytest.raises(type(refused.value)):
        asyncio.run(again())
    lines = [line for line in (folder / "client.key").read_text().splitlines() if "--" not in line]
    assert not any(line in str(refused.value) for line in lines)
    return refused.value


# --- what is answered ------------------------------------------------------------------------


def test_a_prediction_is_one_call(deployment: Deployment, tmp_path: Path) -> None:
    with ModelClient(handed_out(deployment, tmp_path / "alice")) as model:
        assert model.predict(INSTANCES) == PREDICTIONS
        assert model.predict(INSTANCES, version=1) == PREDICTIONS
        assert model.status() == [VersionStatus("1", "AVAILABLE")]
        assert model.metadata() == DEMO
        assert model.bundle.client == "alice"


def test_predictions_can_be_awaited_many_at_once(deployment: Deployment, tmp_path: Path) -> None:
    folder = handed_out(deployment, tmp_path / "alice")

    async def predict() -> list[list[Any]]:
        async with AsyncModelClient(folder) as model:
            assert await model.status() == [VersionStatus("1", "AVAILABLE")]
            assert await model.metadata(version=1) == DEMO
            return list(await asyncio.gather(*(model.predict([[float(n)]]) for n in range(10))))

    assert asyncio.run(predict()) == [[[2.0 * n - 1]] for n in range(10)]


def test_what_the_model_does_not_understand_is_said_in_its_words(
    deployment: Deployment, tmp_path: Path
) -> None:
    with ModelClient(handed_out(deployment, tmp_path / "alice")) as model:
        with pytest.raises(InvalidInputError, match=r"The model does not take this: .+[^.]\.$"):
            model.predict([["ten"]])
        with pytest.raises(InvalidInputError, match="99"):
            model.predict(INSTANCES, version=99)


# --- who we are ------------------------------------------------------------------------------


def test_a_certificate_that_is_not_on_the_list(endpoint: Endpoint, tmp_path: Path) -> None:
    leaf = forged(endpoint.authority, serial=alices_serial(endpoint))

    error = refusal(bundle(tmp_path / "b", endpoint, leaf))

    assert isinstance(error, NotOnTheListError)
    assert "does not let alice in with this certificate: it is not on the list" in str(error)
    assert "ask for a new bundle" in str(error)


def test_a_certificate_that_has_ended(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leaf = forged(endpoint.authority, starts_in=-100 * HOUR, ends_in=timedelta(days=-3, hours=-1))

    error = refusal(bundle(tmp_path / "b", endpoint, leaf))

    assert isinstance(error, CertificateExpiredError)
    assert "The certificate of alice expired 3 days ago, at" in str(error)
    assert "The certificate of alice expired 3 days ago" in caplog.text


def test_a_certificate_that_has_not_begun(endpoint: Endpoint, tmp_path: Path) -> None:
    leaf = forged(endpoint.authority, starts_in=HOUR, ends_in=2 * HOUR)

    error = refusal(bundle(tmp_path / "b", endpoint, leaf))

    assert isinstance(error, CertificateNotYetValidError)
    assert "The certificate of alice is valid from" in str(error)


def test_a_certificate_of_another_ca(endpoint: Endpoint, tmp_path: Path) -> None:
    leaf = forged(Authority.new(tmp_path, ANOTHER_CA))

    error = refusal(bundle(tmp_path / "b", endpoint, leaf))

    assert type(error) is CertificateNotAcceptedError
    assert "It is not one of this endpoint's; get its bundle." in str(error)


def test_what_this_client_may_not_ask_for(deployment: Deployment, tmp_path: Path) -> None:
    with (
        ModelClient(handed_out(deployment, tmp_path / "carol", "carol")) as model,
        pytest.raises(NotAllowedError, match="carol may not do this: this client may not ask"),
    ):
        model.metadata()


def test_more_than_this_client_may_ask_is_asked_again_later(
    deployment: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mtls_model_client")
    folder = handed_out(deployment, tmp_path / "carol", "carol")
    with ModelClient(folder, attempts=1) as hasty, pytest.raises(TooManyRequestsError) as refused:
        deque((hasty.predict(INSTANCES) for _ in range(40)), maxlen=0)
    with ModelClient(folder) as patient:
        assert [patient.predict(INSTANCES) for _ in range(8)] == [PREDICTIONS] * 8

    assert refused.value.retry_after == 1
    assert "trying again" in caplog.text


# --- who they are ----------------------------------------------------------------------------


def test_a_server_of_another_ca_is_told_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "other.crt"
    file.write_bytes(Authority.new(tmp_path, ANOTHER_CA).certificate.public_bytes(Encoding.PEM))

    with endpoint.reaching_model() as arrived:
        error = refusal(bundle(tmp_path / "b", endpoint, ca_file=file))

    assert arrived == []
    assert isinstance(error, ServerNotTrustedError)
    assert "has a certificate of another CA than those in" in str(error)


def test_a_server_that_does_not_know_the_name(endpoint: Endpoint, tmp_path: Path) -> None:
    error = refusal(bundle(tmp_path / "b", endpoint, url=f"https://127.0.0.1:{endpoint.port}"))

    assert isinstance(error, ServerNotTrustedError)
    assert "does not answer to the name localhost" in str(error)


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (("other.example", SERVER, HOUR), "has a certificate for another name than localhost"),
        (("localhost", SERVER, -HOUR / 2), "has expired. Deploy the stack."),
        (
            ("localhost", CLIENT, HOUR),
            "has a certificate that does not hold: unsuitable certificate",
        ),
    ],
)
def test_a_server_with_a_certificate_that_does_not_hold(
    endpoint: Endpoint,
    tmp_path: Path,
    made: tuple[str, x509.ObjectIdentifier, timedelta],
    words: str,
) -> None:
    name, usage, ends_in = made
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    leaf = forged(
        endpoint.authority,
        usages=(usage,),
        extension=(names, False),
        ends_in=ends_in,
    )
    file = shown(replace(leaf, folder=tmp_path)).file

    def change(text: str) -> str:
        text = instead("ssl_certificate server.crt", f"ssl_certificate {file}")(text)
        return instead("ssl_certificate_key server.key", f"ssl_certificate_key {file}")(text)

    (tmp_path / "copy").mkdir()
    with sidecar(endpoint, tmp_path / "copy", change) as copy:
        error = refusal(bundle(tmp_path / "b", copy, holder(endpoint.alice)))

    assert isinstance(error, ServerNotTrustedError)
    assert words in str(error)


# --- when something does not work ------------------------------------------------------------


def test_nobody_at_the_address(endpoint: Endpoint, tmp_path: Path) -> None:
    url = f"https://localhost:{free_ports()['endpointPort']}"

    error = refusal(bundle(tmp_path / "b", endpoint, url=url), attempts=2)

    assert isinstance(error, UnreachableError)
    assert f"{url} cannot be reached, or broke off" in str(error)


def test_a_model_that_does_not_answer(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy", listens=False) as witness:
        error = refusal(bundle(tmp_path / "b", witness.endpoint), attempts=2)

    assert isinstance(error, ModelUnavailableError)
    assert "The model does not answer" in str(error)


def test_a_model_that_takes_too_long_is_not_asked_twice(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with witnessed(endpoint, tmp_path / "copy") as witness:
        witness.model.seconds = 3
        folder = bundle(tmp_path / "b", witness.endpoint)
        with ModelClient(folder, timeout=1) as model, pytest.raises(TimedOutError, match="longer"):
            model.predict(INSTANCES)

        assert len(witness.model.arrived) == 1
