"""Requests of the model's REST API, and what to make of answers and failures."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from mtls_model_client._bundle import Bundle
from mtls_model_client._errors import (
    CertificateExpiredError,
    CertificateNotAcceptedError,
    CertificateNotYetValidError,
    InvalidInputError,
    ModelClientError,
    ModelUnavailableError,
    NotAllowedError,
    NotOnTheListError,
    RetriedError,
    ServerNotTrustedError,
    TimedOutError,
    TooManyRequestsError,
    UnexpectedAnswerError,
    UnreachableError,
)

# X509_V_ERR_* of OpenSSL: there is no way from the certificate to a CA that is trusted, or the
# way leads to a CA of the same name with another key.
_ANOTHER_CA = (2, 7, 18, 19, 20, 21)
_EXPIRED, _NAME_MISMATCH, _NOT_YET = 10, 62, 9
# What the sidecar's 400 begins with when it is not the model's.
_CERTIFICATE = ("the client certificate was not accepted", "a client certificate is required")
# As many connections as there are calls at once, and all are kept (idle ones for 5 s): a pool that
# has more than it may keep closes one that another thread was just handed, and that call hangs
# (https://github.com/encode/httpcore/issues/1110).
POOL = httpx.Limits(max_connections=None, max_keepalive_connections=None)
_LOST = (httpx.NetworkError, httpx.ProtocolError, httpx.ConnectTimeout)


@dataclass(frozen=True)
class Request:
    """One call; each can be made again, for a prediction changes nothing."""

    method: str
    path: str
    """Behind `…/v1/models/<name>`."""
    content: bytes | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.content is None else {"Content-Type": "application/json"}


def predict(instances: Sequence[Any], version: int | None) -> Request:
    try:
        content = json.dumps({"instances": instances}, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The instances cannot be written as JSON: {error}. Give lists of finite numbers, "
            "booleans and text; of an array its .tolist()."
        ) from None
    return Request("POST", f"{_of(version)}:predict", content.encode())


def metadata(version: int | None) -> Request:
    return Request("GET", f"{_of(version)}/metadata")


def status(version: int | None) -> Request:
    return Request("GET", _of(version))


def _of(version: int | None) -> str:
    return "" if version is None else f"/versions/{version}"


def read(bundle: Bundle, answer: httpx.Response) -> Any:
    """What was answered.

    Raises:
        ModelClientError: if it is a refusal.
    """
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.status_code == 200 and isinstance(told, dict):
        return told
    error = told.get("error") if isinstance(told, dict) else None
    words = error if isinstance(error, str) else f"no reason (status {answer.status_code})"
    raise _refusal(bundle, answer, words.rstrip("."))  # each sentence here has its own


def _refusal(bundle: Bundle, answer: httpx.Response, words: str) -> ModelClientError:
    status = answer.status_code
    if status == 400 and words.startswith(_CERTIFICATE):
        return _not_accepted(bundle, words)
    if status == 403:
        return _not_let_in(bundle, words)
    if status in (429, 502, 503, 504):
        return _for_now(answer, words)
    if status in (400, 404, 413):
        return InvalidInputError(f"The model does not take this: {words}.")
    return UnexpectedAnswerError(f"{bundle.url} answered {status}: {words}.")


def _not_let_in(bundle: Bundle, words: str) -> ModelClientError:
    if "not on the list" not in words:
        return NotAllowedError(f"{bundle.client} may not do this: {words}.")
    return NotOnTheListError(
        f"{bundle.url} does not let {bundle.client} in with this certificate: it is not on the "
        "list. It was revoked, or its generation taken out; ask for a new bundle."
    )


def _not_accepted(bundle: Bundle, words: str) -> CertificateNotAcceptedError:
    whose, now = f"The certificate of {bundle.client}", datetime.now(UTC)
    if "expired" in words:
        return CertificateExpiredError(
            f"{whose} {bundle.lasts(now)}, and {bundle.url} does not accept it. Deploy the stack, "
            "which renews it, and get the new bundle."
        )
    if "not yet valid" in words:
        return CertificateNotYetValidError(
            f"{whose} is valid from {bundle.not_before:%Y-%m-%d %H:%M} UTC, and the endpoint's "
            "clock says that it is earlier. Try again later."
        )
    return CertificateNotAcceptedError(
        f"{bundle.url} does not accept the certificate of {bundle.client}: "
        f"{words.rpartition('FAILED:')[2]}. It is not one of this endpoint's; get its bundle."
    )


def _for_now(answer: httpx.Response, words: str) -> RetriedError:
    error = (
        TooManyRequestsError(f"The endpoint takes no more of this client just now: {words}.")
        if answer.status_code == 429
        else ModelUnavailableError(f"The model does not answer: {words}.")
    )
    asked = answer.headers.get("Retry-After", "")
    error.retry_after = float(asked) if asked.isdecimal() else None
    return error


def failure(bundle: Bundle, error: httpx.RequestError) -> ModelClientError:
    """What kept an answer from coming."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerNotTrustedError(_distrust(bundle, cause))
        if isinstance(cause, ssl.SSLError) and "UNRECOGNIZED_NAME" in str(cause.reason):
            return ServerNotTrustedError(
                f"Whoever is at {bundle.url} does not answer to the name {bundle.server_name}. Get "
                "the endpoint's bundle again, or look where that name leads."
            )
    if isinstance(error, _LOST):
        return UnreachableError(
            f"{bundle.url} cannot be reached, or broke off: {str(error) or type(error).__name__}."
        )
    if isinstance(error, httpx.TimeoutException):
        return TimedOutError(
            f"{bundle.url} took longer than the time-out. Give ModelClient a longer one, or send "
            "less at once."
        )
    return UnexpectedAnswerError(f"{bundle.url}: {error}")


def _distrust(bundle: Bundle, error: ssl.SSLCertVerificationError) -> str:
    who = f"Whoever is at {bundle.url}"
    match error.verify_code:
        case code if code == _EXPIRED:
            return f"The server's certificate at {bundle.url} has expired. Deploy the stack."
        case code if code == _NOT_YET:
            return f"The server's certificate at {bundle.url} is not valid yet. Is the clock right?"
        case code if code == _NAME_MISMATCH:
            return f"{who} has a certificate for another name than {bundle.server_name}."
        case code if code not in _ANOTHER_CA:
            return f"{who} has a certificate that does not hold: {error.verify_message}."
        case _:
            return (
                f"{who} has a certificate of another CA than those in {bundle.folder / 'ca.crt'}. "
                "If the endpoint's CA was replaced, get the bundle again; if not, it is not the "
                "endpoint."
            )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
