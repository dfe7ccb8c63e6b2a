"""A bundle: the folder that `python -m clients bundle` of mtls-model-endpoint writes."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from mtls_model_client._errors import BundleError

log = logging.getLogger("mtls_model_client")

Signature = tuple[tuple[int, int, int, int], ...]
MISSING: Signature = ()
"""Of a folder without all the files: it is being replaced, or has gone."""
FILES = ("client.crt", "client.key", "ca.crt", "endpoint.json")
ATTEMPTS = 30
"""To read a folder that is being replaced; each takes some milliseconds."""


@dataclass(frozen=True)
class Bundle:
    """Where to call, as whom, and whom to trust."""

    folder: Path
    signature: Signature
    """Changes with the files."""
    client: str
    url: str
    predict_url: str
    server_name: str
    not_before: datetime
    not_after: datetime
    context: ssl.SSLContext
    """Trusts the bundle's CAs and nobody else, and shows its certificate."""

    @property
    def model_url(self) -> str:
        return self.predict_url.removesuffix(":predict")

    def lasts(self, now: datetime) -> str:
        """How long the certificate lasts, in words."""
        days = abs(self.not_after - now).days
        span = {0: "less than a day", 1: "1 day"}.get(days, f"{days} days")
        if now < self.not_after:
            return f"expires in {span}, at {self.not_after:%Y-%m-%d %H:%M} UTC"
        return f"expired {span} ago, at {self.not_after:%Y-%m-%d %H:%M} UTC"


def signature(folder: Path) -> Signature:
    """What tells one state of the files from another, without reading them."""
    try:
        return _present(folder)
    except OSError:
        return MISSING


def _present(folder: Path) -> Signature:
    stats = [(folder / name).stat() for name in FILES]
    return tuple((s.st_dev, s.st_ino, s.st_ctime_ns, s.st_size) for s in stats)


def read(folder: Path) -> Bundle:
    """The bundle in a folder, all of it from one moment.

    The folder may be replaced while it is read: then it is read again, so that no key is taken for
    another's certificate.

    Raises:
        BundleError: saying which file is missing or wrong.
    """
    reason: Exception | None = None
    for _ in range(ATTEMPTS):
        before = MISSING
        try:
            before = _present(folder)  # else OpenSSL complains of a file without its name
            bundle = _read(folder, before)
        except (OSError, BundleError) as error:
            reason = error
            if before == signature(folder) != MISSING:
                break  # and will be the same the next time
        else:
            if before == signature(folder):
                return bundle
        time.sleep(0.01)
    raise _refusal(folder, reason)


def warn_if_ending(bundle: Bundle, days: float) -> None:
    """Say so in the log when the certificate's end is near."""
    left = bundle.not_after - datetime.now(UTC)
    if left.total_seconds() < days * 86400:
        log.warning(
            "The certificate of %s %s. Get the renewed bundle into %s.",
            bundle.client,
            bundle.lasts(datetime.now(UTC)),
            bundle.folder,
        )


def _read(folder: Path, of: Signature) -> Bundle:
    told = _json(folder / "endpoint.json")
    certificate = _certificate(folder / "client.crt")
    return Bundle(
        folder=folder,
        signature=of,
        client=_text(told, "client"),
        url=_https(told, "url"),
        predict_url=_https(told, "predictUrl"),
        server_name=_text(told, "serverName"),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        context=_context(folder),
    )


def _context(folder: Path) -> ssl.SSLContext:
    # Verifies certificate and name. Not `create_default_context`, which writes the secrets of
    # sessions to the file that the environment's SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(folder / "ca.crt")
    context.load_cert_chain(folder / "client.crt", folder / "client.key", _no_passphrase)
    return context


def _no_passphrase() -> str:
    """Asked for one, OpenSSL would ask the terminal, and the program would wait."""
    raise BundleError("client.key has a passphrase, and those of bundles have none")


def _json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_bytes())
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise BundleError(f"{file} is not what the endpoint's project writes")
    return told


def _text(told: dict[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        raise BundleError(f"endpoint.json has no {key}")
    return value


def _https(told: dict[str, Any], key: str) -> str:
    """Over plain HTTP nobody would be verified."""
    value = _text(told, key)
    if not value.startswith("https://"):
        raise BundleError(f"endpoint.json: {key} does not begin with https://")
    try:
        host = httpx.URL(value).host
    except httpx.InvalidURL:
        host = ""
    if not host:
        raise BundleError(f"endpoint.json: {key} is {value!r}, which is no URL")
    return value


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError:
        raise BundleError(f"{file} holds no certificate") from None


_WORDS: tuple[tuple[Callable[[Exception], bool], str], ...] = (
    (lambda e: "KEY_VALUES_MISMATCH" in str(e), "client.key is not the key of client.crt"),
    (lambda e: isinstance(e, ssl.SSLError), "ca.crt, client.crt or client.key is not PEM"),
)


def _refusal(folder: Path, reason: Exception | None) -> BundleError:
    words = next((text for fits, text in _WORDS if reason and fits(reason)), "")
    if not words and isinstance(reason, OSError) and reason.strerror:
        words = f"{Path(str(reason.filename or folder)).name}: {reason.strerror}"
    return BundleError(
        f"{folder} is no bundle that can be used: {words or reason or 'it changes all the time'}. "
        "Write it again with `make bundle CLIENT=<name> OUT=<folder>`."
    )
