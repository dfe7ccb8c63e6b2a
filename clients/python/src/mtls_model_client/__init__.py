"""Calls a model behind mutual TLS, with a bundle of certificate, key and CA.

    from mtls_model_client import ModelClient

    with ModelClient("alice/") as model:
        print(model.predict([[10.0], [9.0]]))

`AsyncModelClient` is the same with `await`. What goes wrong is a `ModelClientError` that says so in
a sentence.
"""

from mtls_model_client._async_client import AsyncModelClient
from mtls_model_client._bundle import Bundle
from mtls_model_client._client import ModelClient
from mtls_model_client._errors import (
    BundleError,
    CertificateExpiredError,
    CertificateNotAcceptedError,
    CertificateNotYetValidError,
    InvalidInputError,
    ModelClientError,
    ModelUnavailableError,
    NotAllowedError,
    NotOnTheListError,
    ServerNotTrustedError,
    TimedOutError,
    TooManyRequestsError,
    UnexpectedAnswerError,
    UnreachableError,
)
from mtls_model_client._requests import VersionStatus

__all__ = [
    "AsyncModelClient",
    "Bundle",
    "BundleError",
    "CertificateExpiredError",
    "CertificateNotAcceptedError",
    "CertificateNotYetValidError",
    "InvalidInputError",
    "ModelClient",
    "ModelClientError",
    "ModelUnavailableError",
    "NotAllowedError",
    "NotOnTheListError",
    "ServerNotTrustedError",
    "TimedOutError",
    "TooManyRequestsError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "VersionStatus",
]
