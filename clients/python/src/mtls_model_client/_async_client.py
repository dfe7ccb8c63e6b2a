"""The client whose answers are awaited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import AsyncRetrying

from mtls_model_client import _requests, _results, _retry
from mtls_model_client._bundle import Bundle
from mtls_model_client._current import Current
from mtls_model_client._requests import Request
from mtls_model_client._results import Metadata, VersionStatus


class AsyncModelClient:
    """`ModelClient`, with `await`: same arguments, same methods, same errors."""

    def __init__(
        self,
        bundle: str | Path,
        *,
        timeout: float = 30,
        attempts: int = 6,
        warn_days: float = 14,
    ) -> None:
        def connect(newest: Bundle) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                verify=newest.context, timeout=timeout, trust_env=False, limits=_requests.POOL
            )

        self._current = Current(Path(bundle), connect, warn_days)
        self._policy = _retry.policy(attempts)

    @property
    def bundle(self) -> Bundle:
        """Where it calls, as whom, and until when."""
        return self._current.bundle

    async def predict(self, instances: Sequence[Any], *, version: int | None = None) -> list[Any]:
        """One prediction for each instance.

        Raises:
            ModelClientError: saying what is wrong.
        """
        return _results.predictions(await self._call(_requests.predict(instances, version)))

    async def metadata(self, *, version: int | None = None) -> Metadata:
        """Names, types and shapes of inputs and outputs."""
        return _results.metadata(await self._call(_requests.metadata(version)))

    async def status(self, *, version: int | None = None) -> list[VersionStatus]:
        """Which versions of the model there are."""
        return _results.versions(await self._call(_requests.status(version)))

    async def aclose(self) -> None:
        """Close all connections."""
        await _close(self._current.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _call(self, request: Request) -> Any:
        return await AsyncRetrying(**self._policy)(self._once, request)

    async def _once(self, request: Request) -> Any:
        lease, idle = self._current.take()
        try:
            await _close(idle)
            url = lease.bundle.model_url + request.path
            answer = await lease.connections.request(
                request.method, url, content=request.content, headers=request.headers
            )
        except httpx.RequestError as error:
            raise _requests.failure(lease.bundle, error) from error
        finally:
            await _close(self._current.give(lease))
        return _requests.read(lease.bundle, answer)


async def _close(idle: httpx.AsyncClient | None) -> None:
    if idle is not None:
        await idle.aclose()
