"""What can go wrong, each with a sentence on what to do. None of them holds a key."""

from __future__ import annotations


class ModelClientError(Exception):
    """Anything that keeps a prediction from being made."""


class BundleError(ModelClientError):
    """The folder holds no bundle, or one whose parts do not fit."""


class ServerNotTrustedError(ModelClientError):
    """The server did not prove that it is the endpoint, so it was told nothing."""


class CertificateNotAcceptedError(ModelClientError):
    """The endpoint does not take this certificate from anybody."""


class CertificateExpiredError(CertificateNotAcceptedError):
    """It has ended."""


class CertificateNotYetValidError(CertificateNotAcceptedError):
    """It has not begun, or a clock is wrong."""


class NotOnTheListError(CertificateNotAcceptedError):
    """It is good, and not one that the endpoint lets in: revoked, or of another stack."""


class NotAllowedError(ModelClientError):
    """This client may not ask for this."""


class InvalidInputError(ModelClientError):
    """The model does not understand the input, or there is no such model or version."""


class UnexpectedAnswerError(ModelClientError):
    """An answer that the endpoint does not give."""


class TimedOutError(ModelClientError):
    """The model took longer than the time-out allows."""


class RetriedError(ModelClientError):
    """What may be over in a moment; raised when it is not after all attempts."""

    retry_after: float | None = None
    """Seconds that the endpoint asks to wait."""


class UnreachableError(RetriedError):
    """No connection, or one that was lost before the answer."""


class ModelUnavailableError(RetriedError):
    """The sidecar answers, the model does not."""


class TooManyRequestsError(RetriedError):
    """More than the endpoint takes from this client."""
