"""The sidecar's log, read after what is looked for has arrived in it."""

from __future__ import annotations

import json
import time
from typing import Any

from conformance.actors.peers import Answer, Endpoint, read_since


def written(endpoint: Endpoint, since: int = 0) -> list[bytes]:
    """The lines after byte `since`, once the line of a good request sent now is among them."""
    answer = endpoint.get(endpoint.alice)
    marker = answer.headers["x-request-id"].encode()
    deadline = time.monotonic() + 10
    while True:
        lines = read_since(endpoint.access_log, since).splitlines()
        if any(marker in line for line in lines):
            return [line for line in lines if marker not in line]
        assert time.monotonic() < deadline, "the good request is not in the sidecar's log"
        time.sleep(0.01)


def logged(endpoint: Endpoint, answer: Answer) -> dict[str, Any]:
    """The access line that belongs to an answer."""
    marker = answer.headers["x-request-id"].encode()
    (line,) = [line for line in written(endpoint) if marker in line]
    return dict(json.loads(line))
