"""The bundle that is used now, and the connections that were opened with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from mtls_model_client import _bundle
from mtls_model_client._bundle import Bundle, Signature, log
from mtls_model_client._errors import BundleError

Connections = TypeVar("Connections")


class Lease(Generic[Connections]):
    """A bundle with its connections, and how many calls use them."""

    def __init__(self, bundle: Bundle, connections: Connections) -> None:
        self.bundle = bundle
        self.connections = connections
        self.users = 0
        self.retired = False


class Current(Generic[Connections]):
    """Hands out connections of the newest bundle; those of older ones end with their last call.

    Args:
        folder: of the bundle.
        connect: makes what connections are opened with.
        warn_days: how long before the certificate's end the log says so.
    """

    def __init__(
        self, folder: Path, connect: Callable[[Bundle], Connections], warn_days: float
    ) -> None:
        self._folder = folder
        self._connect = connect
        self._warn_days = warn_days
        self._lock = threading.Lock()
        self._refused: Signature | None = None
        self._lease = self._opened(_bundle.read(folder))

    @property
    def bundle(self) -> Bundle:
        return self._lease.bundle

    def take(self) -> tuple[Lease[Connections], Connections | None]:
        """Connections for one call, and older ones that nobody uses any more: to be closed."""
        with self._lock:
            idle = self._renew()
            self._lease.users += 1
            return self._lease, idle

    def give(self, lease: Lease[Connections]) -> Connections | None:
        """After the call; what is left without a user is to be closed."""
        with self._lock:
            lease.users -= 1
            return self._if_idle(lease)

    def close(self) -> Connections | None:
        """No more calls; what has no user is to be closed."""
        with self._lock:
            self._lease.retired = True
            return self._if_idle(self._lease)

    def _opened(self, bundle: Bundle) -> Lease[Connections]:
        _bundle.warn_if_ending(bundle, self._warn_days)
        return Lease(bundle, self._connect(bundle))

    def _renew(self) -> Connections | None:
        try:
            now = _bundle.signature(self._folder)
        except OSError:
            return None  # between two renames; the old one is good for this call
        if now in (self._lease.bundle.signature, self._refused):
            return None
        try:
            lease = self._opened(_bundle.read(self._folder))
        except BundleError as error:
            self._refused = now
            log.error("%s The bundle of before is used until then.", error)
            return None
        before, self._lease = self._lease, lease
        before.retired = True
        log.info("The bundle of %s was replaced; new connections use it.", lease.bundle.client)
        return self._if_idle(before)

    def _if_idle(self, lease: Lease[Connections]) -> Connections | None:
        return lease.connections if lease.retired and lease.users == 0 else None
