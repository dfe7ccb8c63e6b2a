"""The HTTP routes."""

from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from . import openapi
from .access_log import AccessLog
from .answers import Error, Health, ModelMetadata, ModelStatus
from .errors import RequestError, quoted
from .models import Models
from .predict import predict

MAX_BODY_BYTES = 64 * 1024 * 1024  # the most the sidecar can be told to let through
_PREDICTIONS_AT_ONCE = 2  # bounds memory, and lets a small request overtake a large one


class _Segment(StringConvertor):
    """A path segment without a colon, so that GET ...:predict is a 405 and not an unknown model."""

    regex = "[^/:]+"


register_url_convertor("segment", _Segment())


def create_app(models: Models) -> FastAPI:
    # No documentation pages: they load scripts from outside. Trailing slashes are 404, not 307.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(AccessLog)
    _answer_errors_as_sentences(app)
    _add_health(app, models)
    _add_model(app, models)
    return app


def _add_health(app: FastAPI, models: Models) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> Health:
        """The process answers."""
        return Health()

    @app.get("/health/ready", tags=["health"], responses=_errors(503))
    async def ready() -> Health:
        """The model is loaded and takes predictions."""
        models.loaded()
        return Health()

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        return openapi.document(app, models)


def _add_model(app: FastAPI, models: Models) -> None:
    one = "/v1/models/{model:segment}"
    one_version = one + "/versions/{version:segment}"
    limiter = anyio.CapacityLimiter(_PREDICTIONS_AT_ONCE)

    async def answer(request: Request, model: str, version: str | None) -> Response:
        found = models.find(model, version)
        body = await _read(request)
        # In a thread: a large batch must not keep the health probes waiting.
        answer = await anyio.to_thread.run_sync(predict, found, body, limiter=limiter)
        return Response(answer, media_type="application/json")

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

    @app.post(one + ":predict", tags=["predict"], responses=_errors(400, 404, 413, 503))
    async def predict_newest(request: Request, model: str) -> Response:
        """Predict with the newest version."""
        return await answer(request, model, None)

    @app.post(one_version + ":predict", tags=["predict"], responses=_errors(400, 404, 413, 503))
    async def predict_version(request: Request, model: str, version: str) -> Response:
        return await answer(request, model, version)


async def _read(request: Request) -> bytes:
    """The body, up to MAX_BODY_BYTES, of whatever content type (as in TensorFlow Serving)."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise RequestError(
                    413, f"The body is larger than {MAX_BODY_BYTES} bytes; send smaller batches."
                )
    except ClientDisconnect:
        raise RequestError(400, "The connection was closed before the whole body came.") from None
    return bytes(body)


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Error} for status in statuses}


def _answer_errors_as_sentences(app: FastAPI) -> None:
    def error(status: int, sentence: str, headers: Any = None) -> JSONResponse:
        return JSONResponse({"error": sentence}, status, headers)

    @app.exception_handler(RequestError)
    async def refused(_: Request, refusal: RequestError) -> JSONResponse:
        return error(refusal.status, refusal.sentence)

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
