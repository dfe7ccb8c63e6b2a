"""The bundle's folder: read as one, also while it is replaced; warned of; refused in words."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from mtls_model_client import Bundle, BundleError, ModelClient, _bundle
from mtls_model_client._bundle import read
from mtls_model_client._current import Current

from conformance.actors.forgery import forged
from conformance.actors.peers import Endpoint
from tests.python_client.bundles import DOUBLED, bundle

INSTANCES, PREDICTIONS = DOUBLED


def swap(new: Path, folder: Path) -> None:
    """As the project's own tool replaces a bundle: two renames."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    new.rename(folder)
    shutil.rmtree(aside)


def test_a_folder_that_is_replaced_all_the_time_is_read_as_one(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """OpenSSL refuses a key that is not the certificate's, so each reading proves that, too."""
    spare = [
        bundle(tmp_path / name, endpoint, forged(endpoint.authority, ends_in=ends), client=name)
        for name, ends in (("short", timedelta(hours=1)), ("long", timedelta(hours=9)))
    ]
    folder = Path(shutil.copytree(spare[0], tmp_path / "b"))
    noon = datetime.now(UTC) + timedelta(hours=5)
    stop = threading.Event()

    def replace() -> None:
        for number in itertools.count():
            if stop.wait(0.005):
                return
            shutil.copytree(spare[number % 2], tmp_path / "new")
            swap(tmp_path / "new", folder)

    replacing = threading.Thread(target=replace)
    replacing.start()
    try:
        for _ in range(100):
            found = read(folder)
            assert found.client == ("short" if found.not_after < noon else "long")
    finally:
        stop.set()
        replacing.join()


def with_passphrase(pem: bytes) -> bytes:
    return load_pem_private_key(pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


def test_a_folder_that_is_replaced_between_two_files_is_read_again(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle(tmp_path / "b", endpoint, client="old")
    ending = forged(endpoint.authority, ends_in=timedelta(hours=9))
    new = [bundle(tmp_path / "new", endpoint, ending, client="new")]
    certificate = _bundle._certificate

    def replacing(file: Path) -> x509.Certificate:
        if new:
            swap(new.pop(), folder)
        return certificate(file)

    monkeypatch.setattr(_bundle, "_certificate", replacing)

    assert read(folder).client == "new"


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "client.crt: No such file or directory"),
    "no key": (lambda b: (b / "client.key").unlink(), "client.key: No such file or directory"),
    "half a key": (
        lambda b: (b / "client.key").write_text((b / "client.key").read_text()[:100]),
        "is not PEM",
    ),
    "no certificate": (
        lambda b: (b / "client.crt").write_text("nothing"),
        "client.crt holds no certificate",
    ),
    "no JSON": (
        lambda b: (b / "endpoint.json").write_text("{"),
        "endpoint.json is not what the endpoint's project writes",
    ),
    "half the JSON": (
        lambda b: (b / "endpoint.json").write_text('{"client": "alice"}'),
        "endpoint.json has no url",
    ),
    "no TLS": (
        lambda b: (b / "endpoint.json").write_text(
            (b / "endpoint.json").read_text().replace("https:", "http:")
        ),
        "endpoint.json: url does not begin with https://",
    ),
    "no URL": (
        lambda b: (b / "endpoint.json").write_text(
            (b / "endpoint.json").read_text().replace("localhost:", "localhost:x")
        ),
        "endpoint.json: url is 'https://localhost:x",
    ),
    "no host": (
        lambda b: (b / "endpoint.json").write_text(
            json.dumps({**json.loads((b / "endpoint.json").read_text()), "url": "https://"})
        ),
        "endpoint.json: url is 'https://', which is no URL",
    ),
    "a key with a passphrase": (
        lambda b: (b / "client.key").write_bytes(with_passphrase((b / "client.key").read_bytes())),
        "client.key has a passphrase",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_bundle_is_refused_in_a_sentence(
    endpoint: Endpoint, tmp_path: Path, case: str
) -> None:
    breaking, words = BROKEN[case]
    folder = bundle(tmp_path / "b", endpoint)
    breaking(folder)

    with pytest.raises(BundleError) as refused:
        ModelClient(folder)

    assert words in str(refused.value)
    assert f"{folder} is no bundle that can be used" in str(refused.value)
    assert "make bundle" in str(refused.value)


def test_a_key_of_another_certificate_is_named(endpoint: Endpoint, tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", endpoint)
    other = bundle(tmp_path / "other", endpoint, forged(endpoint.authority))
    shutil.copy(other / "client.key", folder / "client.key")

    with pytest.raises(BundleError, match=r"client\.key is not the key of client\.crt"):
        ModelClient(folder)


def test_a_broken_bundle_is_not_taken_and_the_old_one_goes_on(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = bundle(tmp_path / "b", endpoint)
    with ModelClient(folder) as model:
        (folder / "client.key").write_text("half")
        assert [model.predict(INSTANCES) for _ in range(3)] == [PREDICTIONS] * 3
        complaints = [r for r in caplog.records if r.levelno == logging.ERROR]
        shutil.rmtree(folder)
        assert model.predict(INSTANCES) == PREDICTIONS

    assert len(complaints) == 1
    assert "The bundle of before is used until then." in complaints[0].getMessage()


@pytest.mark.parametrize("missing", ["the folder", "client.key"])
def test_a_bundle_that_has_gone_is_said_once_each_time(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    folder = bundle(tmp_path / "b", endpoint)
    gone = folder / missing if missing == "client.key" else folder
    with ModelClient(folder) as model:
        for times in (1, 2):
            gone.rename(tmp_path / "aside")
            assert [model.predict(INSTANCES) for _ in range(3)] == [PREDICTIONS] * 3
            assert caplog.text.count("No such file or directory") == times
            (tmp_path / "aside").rename(gone)
            assert model.predict(INSTANCES) == PREDICTIONS


def test_connections_of_a_replaced_bundle_are_closed_after_their_last_call(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    opened: list[httpx.Client] = []

    def connect(_: Bundle) -> httpx.Client:
        opened.append(httpx.Client())
        return opened[-1]

    folder = bundle(tmp_path / "b", endpoint)
    current = Current(folder, connect, 0)
    first, _ = current.take()
    second, _ = current.take()
    swap(bundle(tmp_path / "new", endpoint), folder)
    third, idle = current.take()

    assert idle is None, "two calls are under way"
    assert third.connections is not first.connections is second.connections
    assert current.give(first) is None
    assert current.give(second) is opened[0]
    assert current.close() is None
    assert current.give(third) is opened[1]


@pytest.mark.parametrize(("days", "warned"), [(3, True), (30, False)])
def test_the_end_of_a_certificate_is_announced(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, warned: bool
) -> None:
    leaf = forged(endpoint.authority, ends_in=timedelta(days=days, hours=1))

    ModelClient(bundle(tmp_path / "b", endpoint, leaf)).close()

    assert (f"The certificate of alice expires in {days} days, at" in caplog.text) == warned


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=3, hours=1), "expires in 3 days, at 2026-06-04 13:00 UTC"),
        (timedelta(days=1), "expires in 1 day, at"),
        (timedelta(minutes=5), "expires in less than a day, at"),
        (timedelta(seconds=-1), "expired less than a day ago, at"),
        (timedelta(days=-2), "expired 2 days ago, at"),
    ],
)
def test_how_long_a_certificate_lasts_is_said_in_days(
    endpoint: Endpoint, tmp_path: Path, left: timedelta, words: str
) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    read_one = read(bundle(tmp_path / "b", endpoint))

    ending = Bundle(**{**vars(read_one), "not_after": now + left})

    assert ending.lasts(now).startswith(words)


def test_whoever_is_trusted_is_in_the_bundle_and_nobody_else(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    context = read(bundle(tmp_path / "b", endpoint)).context

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    (trusted,) = context.get_ca_certs(binary_form=True)
    assert x509.load_der_x509_certificate(trusted) == endpoint.authority.certificate
