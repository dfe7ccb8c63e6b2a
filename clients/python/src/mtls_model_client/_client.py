"""The client that waits for its answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import Retrying

from mtls_model_client import _requests, _results, _retry
from mtls_model_client._bundle import Bundle
from mtls_model_client._current import Current
from mtls_model_client._requests import Request
from mtls_model_client._results import Metadata, VersionStatus


class ModelClient:
    """Asks a model for predictions, over mutual TLS. Threads may share one.

    The bundle's folder is looked at before each call: a bundle that was renewed or rotated is used
    from then on, without a restart. The server is always verified.

    Args:
        bundle: the folder of the bundle.
        timeout: seconds that a connection or an answer may take.
        attempts: how often a call is tried when the connection is lost, the model is restarted, or
            the endpoint asks for patience; every call may be repeated, for none changes anything.
        warn_days: how many days before the certificate's end the log (`mtls_model_client`) warns.

    Raises:
        BundleError: if the folder holds no bundle that can be used.
    """

    def __init__(
        self,
        bundle: str | Path,
        *,
        timeout: float = 30,
        attempts: int = 6,
        warn_days: float = 14,
    ) -> None:
        def connect(newest: Bundle) -> httpx.Client:
            return httpx.Client(
                verify=newest.context, timeout=timeout, trust_env=False, limits=_requests.POOL
            )

        self._current = Current(Path(bundle), connect, warn_days)
        self._policy = _retry.policy(attempts)

    @property
    def bundle(self) -> Bundle:
        """Where it calls, as whom, and until when."""
        return self._current.bundle

    def predict(self, instances: Sequence[Any], *, version: int | None = None) -> list[Any]:
        """One prediction for each instance.

        Raises:
            ModelClientError: saying what is wrong.
        """
        return _results.predictions(self._call(_requests.predict(instances, version)))

    def metadata(self, *, version: int | None = None) -> Metadata:
        """Names, types and shapes of inputs and outputs."""
        return _results.metadata(self._call(_requests.metadata(version)))

    def status(self, *, version: int | None = None) -> list[VersionStatus]:
        """Which versions of the model there are."""
        return _results.versions(self._call(_requests.status(version)))

    def close(self) -> None:
        """Close all connections."""
        _close(self._current.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, request: Request) -> Any:
        return Retrying(**self._policy)(self._once, request)

    def _once(self, request: Request) -> Any:
        lease, idle = self._current.take()
        try:
            _close(idle)
            url = lease.bundle.model_url + request.path
            answer = lease.connections.request(
                request.method, url, content=request.content, headers=request.headers
            )
        except httpx.RequestError as error:
            raise _requests.failure(lease.bundle, error) from error
        finally:
            _close(self._current.give(lease))
        return _requests.read(lease.bundle, answer)


def _close(idle: httpx.Client | None) -> None:
    if idle is not None:
        idle.close()
