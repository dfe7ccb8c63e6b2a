"""The HTTP routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from . import openapi
from .access_log import AccessLog
from .answers import Error, Health, ModelMetadata, ModelStatus
from .bodies import MOST_PER_BYTE, encoding_of, too_large
from .catalogue import Models
from .errors import RequestError, quoted
from .pool import Pool
from .wire import Head

BODY_SECONDS = 10
"""The longest between two pieces of a body, as in nginx (client_body_timeout)."""
_SLICE_BYTES = 2**16


class _Segment(StringConvertor):
    """A path segment without a colon, so that GET ...:predict is a 405 and not an unknown model."""

    regex = "[^/:]+"


register_url_convertor("segment", _Segment())


def create_app(models: Models, pool: Pool) -> FastAPI:
    # No documentation pages: they load scripts from outside. Trailing slashes are 404, not 307.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(AccessLog)
    _answer_errors_as_sentences(app)
    _add_health(app, models, pool)
    _add_model(app, models, pool)
    return app


def _add_health(app: FastAPI, models: Models, pool: Pool) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> Health:
        """The process answers."""
        return Health()

    @app.get("/health/ready", tags=["health"], responses=_errors(503))
    async def ready() -> Health:
        """The model is loaded and takes predictions."""
        await pool.ready()
        return Health()

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        return openapi.document(app, models)


def _add_model(app: FastAPI, models: Models, pool: Pool) -> None:
    one = "/v1/models/{model:segment}"
    one_version = one + "/versions/{version:segment}"
    may_answer = _errors(400, 404, 408, 413, 415, 500, 503)

    async def answer(request: Request, model: str, version: str | None) -> Response:
        found = models.find(model, version)
        encoding = encoding_of(request.headers.getlist("content-encoding"))
        status, content = await pool.predict(
            request.headers.get("x-client-name", ""),
            _most(request, encoding, pool.limit),
            Head(str(found.version), encoding, pool.limit),
            _pieces(request, pool.limit),
        )
        return _Answer(status, content, pool)

    @app.get(one, tags=["status"], responses=_errors(404, 503))
    async def status(model: str) -> ModelStatus:
        """All versions served, newest first."""
        models.find(model)
        return ModelStatus.of(models.loaded())

    @app.get(one_version, tags=["status"], responses=_errors(404, 503))
    async def version_status(model: str, version: str) -> ModelStatus:
        return ModelStatus.of([models.find(model, version)])

    @app.get(one + "/metadata", tags=["metadata"], responses=_errors(404, 503))
    async def metadata(model: str) -> ModelMetadata:
        """Inputs and outputs of the newest version."""
        return ModelMetadata.of(models.name, models.find(model))

    @app.get(one_version + "/metadata", tags=["metadata"], responses=_errors(404, 503))
    async def version_metadata(model: str, version: str) -> ModelMetadata:
        return ModelMetadata.of(models.name, models.find(model, version))

    @app.post(one + ":predict", tags=["predict"], responses=may_answer)
    async def predict_newest(request: Request, model: str) -> Response:
        """Predict with the newest version."""
        return await answer(request, model, None)

    @app.post(one_version + ":predict", tags=["predict"], responses=may_answer)
    async def predict_version(request: Request, model: str, version: str) -> Response:
        return await answer(request, model, version)


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

    media_type = "application/json"

    def __init__(self, status: int, content: bytearray, pool: Pool) -> None:
        super().__init__(status_code=status)
        self.headers["content-length"] = str(len(content))
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


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Error} for status in statuses}


def _answer_errors_as_sentences(app: FastAPI) -> None:
    def error(status: int, sentence: str, headers: Any = None) -> JSONResponse:
        return JSONResponse({"error": sentence}, status, headers)

    @app.exception_handler(RequestError)
    async def refused(_: Request, refusal: RequestError) -> JSONResponse:
        return error(refusal.status, refusal.sentence, refusal.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, invalid: RequestValidationError) -> JSONResponse:
        return error(400, f"The request is not valid: {invalid.errors()[0]['msg']}.")

    @app.exception_handler(HTTPException)
    async def routing(request: Request, failure: HTTPException) -> JSONResponse:
        path = quoted(request.scope["path"])  # request.url fails on a malformed Host
        sentence = {
            404: f"There is nothing at {path}; GET /openapi.json lists what there is.",
            405: f"{path} does not take {request.method}; see the Allow header for what it takes.",
        }.get(failure.status_code, str(failure.detail))
        return error(failure.status_code, sentence, failure.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        return error(500, "The server failed on this request; its log has the reason.")
