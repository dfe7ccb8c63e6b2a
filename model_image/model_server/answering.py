"""A body on its way to a worker, and the answer on its way back."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Literal

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from .bodies import MOST_PER_BYTE, encoding_of, too_large
from .catalogue import Version
from .errors import RequestError, quoted
from .pool import Pool
from .wire import Head, Tail

BODY_SECONDS = 10
"""The longest between two pieces of a body, as in nginx (client_body_timeout)."""
_SLICE_BYTES = 2**16
_JSON_BYTES = "Inference-Header-Content-Length"


async def answer(
    request: Request, pool: Pool, method: Literal["predict", "infer"], model: str, version: Version
) -> Response:
    """Have a worker answer; raise RequestError where none is asked."""
    encoding = encoding_of(request.headers.getlist("content-encoding"))
    json_bytes = _json_bytes(request) if method == "infer" else None
    tail, content = await pool.predict(
        request.headers.get("x-client-name", ""),
        _most(request, encoding, pool.limit),
        Head(method, model, str(version.version), encoding, pool.limit, json_bytes),
        _pieces(request, pool.limit),
    )
    return _Answer(tail, content, pool)


def _json_bytes(request: Request) -> int | None:
    given = ", ".join(request.headers.getlist(_JSON_BYTES)).strip()
    if given and not re.fullmatch(r"[0-9]{1,15}", given):
        raise RequestError(400, f"{_JSON_BYTES} is {quoted(given)}; it is a number of bytes.")
    return int(given) if given else None


def _most(request: Request, encoding: str, limit: int) -> int:
    """The most bytes the body can have, unpacked; 413 if that is too much for certain."""
    length = int(request.headers.get("content-length", limit))
    if encoding == "gzip":
        return min(limit, MOST_PER_BYTE * length)
    if length > limit:
        raise too_large(limit)
    return length


async def _pieces(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes, of whatever content type (as in TensorFlow Serving)."""
    length = 0
    pieces = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise RequestError(
                408, f"Nothing more of the body came within {BODY_SECONDS} seconds; send it again."
            ) from None
        except ClientDisconnect:
            raise RequestError(400, "The connection was closed before the body's end.") from None
        if piece is None:
            return
        length += len(piece)
        if length > limit:
            raise too_large(limit)
        yield piece


class _Answer(Response):
    """What a worker wrote; it counts as held until the client has taken it."""

    def __init__(self, tail: Tail, content: bytearray, pool: Pool) -> None:
        media_type = "application/octet-stream" if tail.json_bytes else "application/json"
        super().__init__(status_code=tail.status, media_type=media_type)
        self.headers["content-length"] = str(len(content))
        if tail.json_bytes:
            self.headers[_JSON_BYTES] = str(tail.json_bytes)
        self._content = content
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        try:
            await send(start)
            for begin in range(0, len(self._content), _SLICE_BYTES):
                end = begin + _SLICE_BYTES
                await send(
                    {
                        "type": "http.response.body",
                        "body": bytes(self._content[begin:end]),
                        "more_body": end < len(self._content),
                    }
                )
        finally:
            self._pool.sent(self._content)
