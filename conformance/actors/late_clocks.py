"""A client whose clock is behind, seen through openssl, which can be told what time it is."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.actors.peers import Endpoint

VERIFIED, NOT_YET_VALID, UNREACHABLE = "verified", "not yet valid", "unreachable"


@contextmanager
def connecting(endpoint: Endpoint, seconds_behind: float) -> Iterator[Counter[str]]:
    """Connects again and again for as long as the block lasts; counts how it ended."""
    seen: Counter[str] = Counter()
    enough = threading.Event()

    def connect() -> None:
        while not enough.wait(0.1):
            seen[handshake(endpoint, seconds_behind)] += 1

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        enough.set()
        thread.join(30)


def handshake(endpoint: Endpoint, seconds_behind: float) -> str:
    """How a client whose clock is behind ends a handshake with the endpoint."""
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"{endpoint.address}:{endpoint.port}",
        "-servername",
        endpoint.name,
        "-verify_hostname",
        endpoint.name,
        "-CAfile",
        str(endpoint.ca_file),
        "-verify_return_error",
        "-attime",
        str(int(time.time() - seconds_behind)),
    ]
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    said = ran.stdout + ran.stderr
    if "Verify return code: 0 (ok)" in said:
        return VERIFIED
    return NOT_YET_VALID if "not yet valid" in said else UNREACHABLE
