"""An endpoint elsewhere, seen with nothing but one client's bundle."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from cryptography import x509

from common.refusal import Refusal
from conformance.actors.peers import Authority, Endpoint, Identity

MODEL = "demo"
FILES = ("client.crt", "client.key", "ca.crt", "endpoint.json")


class _Absent:
    """Stands for what only a deployment on this machine has."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the case uses {self._what} and does not say that it needs it")


def endpoint(url: str, bundle: Path, folder: Path) -> Endpoint:
    """The endpoint at a URL.

    Args:
        url: as the stack output `endpoint` has it.
        bundle: folder of one of its clients.
        folder: for files that are needed on the way.

    Raises:
        Refusal: if the URL is none, the bundle is incomplete or has expired, or the endpoint
            does not answer it with the demo model's predictions.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Refusal(f"--endpoint: {url!r} is no https URL; type --endpoint https://NAME")
    missing = [name for name in FILES if not (bundle / name).is_file()]
    if missing:
        raise Refusal(
            f"--bundle: {bundle} is without {', '.join(missing)}; make it with "
            f"`python -m clients bundle --stack S --client NAME --out {bundle}`"
        )
    identity = folder / "client.pem"
    identity.touch(0o600)
    identity.write_bytes(
        (bundle / "client.crt").read_bytes() + (bundle / "client.key").read_bytes()
    )
    certificate = x509.load_pem_x509_certificate((bundle / "client.crt").read_bytes())
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise Refusal(
            f"--bundle: the certificate in {bundle} ended on "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}; write the bundle again after `pulumi up`"
        )
    model = json.loads((bundle / "endpoint.json").read_text(encoding="utf-8")).get("modelName")
    if model != MODEL:
        raise Refusal(
            f"--bundle: its model is {model!r}, and the suite sends what the model {MODEL!r} "
            f"takes; run it against a stack with `modelName: {MODEL}` and the project's own model"
        )
    made = Endpoint(
        port=parts.port or 443,
        ca_file=bundle / "ca.crt",
        authority=cast(Authority, _Absent("the CA's key")),
        alice=Identity(identity),
        # Where two clients are needed, the case says so.
        bob=Identity(identity),
        carol=cast(Identity, _Absent("another client")),
        server=cast(Identity, _Absent("the server's key")),
        serials=cast("dict[str, str]", _Absent("the list")),
        model_log=folder / "no-log-of-the-model",
        access_log=folder / "no-log-of-the-sidecar",
        folder=folder,
        name=parts.hostname,
        address=parts.hostname,
    )
    _require_predictions(made, url)
    return made


def _require_predictions(made: Endpoint, url: str) -> None:
    try:
        answer = made.predict(made.alice)
    except ssl.SSLError as error:
        raise Refusal(f"{url} cannot be verified with the bundle's ca.crt: {error}") from None
    except OSError as error:
        raise Refusal(f"{url} cannot be reached: {error}") from None
    body: Any = answer.body.decode(errors="replace")[:200]
    if answer.status != 200:
        raise Refusal(
            f"{url} answers the bundle's client {answer.status} ({body.strip()}); everything else "
            "would be refused for the same reason, and prove nothing"
        )
