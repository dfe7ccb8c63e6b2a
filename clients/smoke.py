"""A call as a client makes it, right after a deployment."""

from __future__ import annotations

import tempfile
from pathlib import Path

from clients.bundle import Bundle
from clients.folder import replace
from common.refusal import Refusal

ATTEMPTS = 20
"""With the waits between them some two minutes: containers restart after a deployment."""


def call(made: Bundle, attempts: int = ATTEMPTS) -> str:
    """Ask the endpoint for the model's versions, over verified mutual TLS.

    Every model has a status, and what else a model takes is its owner's to know.

    Raises:
        Refusal: if it does not answer, or no version can be asked.
    """
    from mtls_model_client import ModelClient, ModelClientError  # noqa: PLC0415  only this needs it

    with tempfile.TemporaryDirectory(prefix="smoke-") as name:
        folder = Path(name) / "bundle"
        replace(folder, made.files(None), [])
        try:
            with ModelClient(folder, attempts=attempts) as model:
                versions = model.status()
        except ModelClientError as error:
            raise Refusal(str(error)) from None
    available = [v.version for v in versions if v.state == "AVAILABLE"]
    if not available:
        states = ", ".join(f"{v.version} is {v.state}" for v in versions) or "there is none"
        raise Refusal(f"{made.endpoint.url} answers, but no version of the model does: {states}")
    return (
        f"{made.endpoint.url} let {made.identity.client} in; the model has version "
        f"{', '.join(available)}."
    )
