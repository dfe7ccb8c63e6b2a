"""One JSON line on stdout per request answered."""

import contextlib
import json
import time
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AccessLog:
    """ASGI middleware. Who called is what the sidecar read from the client's certificate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500  # stays so if the app raises before it answers

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            headers = Headers(scope=scope)
            _write(
                {
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "client_name": headers.get("x-client-name"),
                    "client_serial": headers.get("x-client-serial"),
                    "request_id": headers.get("x-request-id"),
                    "duration_ms": round((time.perf_counter() - started) * 1000, 3),
                }
            )


def _write(line: dict[str, str | int | float | None]) -> None:
    # A reader of the log that went away must not fail the request.
    with contextlib.suppress(OSError):
        # In ASCII: some readers take an unescaped U+2028 for the end of a line.
        print(json.dumps(line), flush=True)
