"""The HTTP routes."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from . import openapi
from .access_log import AccessLog
from .answering import answer
from .answers import Error, Health, ModelMetadata, ModelStatus
from .catalogue import Models
from .errors import RequestError, quoted
from .open_inference_answers import (
    ModelReady,
    OpenInferenceMetadata,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from .pool import Pool


class _Segment(StringConvertor):
    """A path segment without a colon, so that GET ...:predict is a 405 and not an unknown model."""

    regex = "[^/:]+"


register_url_convertor("segment", _Segment())

_ONE = "/models/{model:segment}"
_ONE_VERSION = _ONE + "/versions/{version:segment}"


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Error} for status in statuses}


_MAY_ANSWER = _errors(400, 404, 408, 413, 415, 500, 503)


def create_app(models: Models, pool: Pool) -> FastAPI:
    # No documentation pages: they load scripts from outside. Trailing slashes are 404, not 307.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(AccessLog)
    _answer_errors_as_sentences(app)
    _add_health(app, models, pool)
    _add_model(app, models, pool)
    _add_open_inference(app, models, pool)
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
    one, one_version = f"/v1{_ONE}", f"/v1{_ONE_VERSION}"

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

    @app.post(one + ":predict", tags=["predict"], responses=_MAY_ANSWER)
    async def predict_newest(request: Request, model: str) -> Response:
        """Predict with the newest version."""
        return await answer(request, pool, "predict", model, models.find(model))

    @app.post(one_version + ":predict", tags=["predict"], responses=_MAY_ANSWER)
    async def predict_version(request: Request, model: str, version: str) -> Response:
        return await answer(request, pool, "predict", model, models.find(model, version))


def _add_open_inference(app: FastAPI, models: Models, pool: Pool) -> None:
    one, one_version = f"/v2{_ONE}", f"/v2{_ONE_VERSION}"

    @app.get("/v2", tags=["open inference"])
    async def server_metadata() -> ServerMetadata:
        return ServerMetadata()

    @app.get("/v2/health/live", tags=["open inference"])
    async def server_live() -> ServerLive:
        return ServerLive()

    @app.get("/v2/health/ready", tags=["open inference"], responses=_errors(503))
    async def server_ready() -> ServerReady:
        await pool.ready()
        return ServerReady()

    @app.get(one, tags=["open inference"], responses=_errors(404, 503))
    async def model_metadata(model: str) -> OpenInferenceMetadata:
        """Inputs and outputs of the newest version."""
        return OpenInferenceMetadata.of(models, models.find(model))

    @app.get(one_version, tags=["open inference"], responses=_errors(404, 503))
    async def model_version_metadata(model: str, version: str) -> OpenInferenceMetadata:
        return OpenInferenceMetadata.of(models, models.find(model, version))

    @app.get(one + "/ready", tags=["open inference"], responses=_errors(404, 503))
    async def model_ready(model: str) -> ModelReady:
        models.find(model)
        await pool.ready()
        return ModelReady(name=model)

    @app.get(one_version + "/ready", tags=["open inference"], responses=_errors(404, 503))
    async def model_version_ready(model: str, version: str) -> ModelReady:
        models.find(model, version)
        await pool.ready()
        return ModelReady(name=model)

    @app.post(one + "/infer", tags=["open inference"], responses=_MAY_ANSWER)
    async def infer_newest(request: Request, model: str) -> Response:
        """Predict with the newest version."""
        return await answer(request, pool, "infer", model, models.find(model))

    @app.post(one_version + "/infer", tags=["open inference"], responses=_MAY_ANSWER)
    async def infer_version(request: Request, model: str, version: str) -> Response:
        return await answer(request, pool, "infer", model, models.find(model, version))


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
