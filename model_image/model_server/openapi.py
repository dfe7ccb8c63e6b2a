"""The OpenAPI document, with the types of the very model that is served."""

from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .catalogue import SIGNATURE, Models, Version
from .tensors import TensorSpec

Schema = dict[str, Any]
_JSON_TYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "O": "string"}


def document(app: FastAPI, models: Models) -> Schema:
    """FastAPI's document, completed by what is only known once the model is loaded."""
    served = models.loaded()
    result = get_openapi(
        title="Model server",
        version="1.0.0",
        summary=f"Predictions of '{models.name}' over TensorFlow Serving's REST contract",
        routes=app.routes,
    )
    values = {"model": [models.name], "version": list(models.versions)}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            # FastAPI's own validation error, which this API never answers.
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", []):
                parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}
            if path.endswith(":predict"):
                _describe_predict(operation, served if "{version}" in path else served[:1])
    schemas = result["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in served:
        schemas[f"PredictRequestV{model.version}"] = _request(model)
        schemas[f"PredictAnswerV{model.version}"] = _answer(model)
    return result


def _describe_predict(operation: Schema, models: list[Version]) -> None:
    def reference(kind: str) -> Schema:
        references = [{"$ref": f"#/components/schemas/{kind}V{m.version}"} for m in models]
        return {"application/json": {"schema": _any_of(references)}}

    operation["requestBody"] = {"required": True, "content": reference("PredictRequest")}
    operation["responses"]["200"]["content"] = reference("PredictAnswer")


def _request(model: Version) -> Schema:
    specs = model.inputs.values()
    row = _object({spec.name: _tensor(_rest(spec), spec, least=1) for spec in specs})
    column = _object({spec.name: _tensor(spec.shape, spec, least=1) for spec in specs})
    if len(specs) == 1:  # the name may be left out, for all rows alike
        (spec,) = specs
        rows = _any_of([_list(_tensor(_rest(spec), spec, least=1)), _list(row)])
        column = _any_of([_tensor(spec.shape, spec, least=1), column])
    else:
        rows = _list(row)
    return {
        "type": "object",
        "properties": {
            "signature_name": {"type": "string", "enum": [SIGNATURE, ""]},
            "instances": rows,
            "inputs": column,
        },
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    }


def _answer(model: Version) -> Schema:
    specs = model.outputs.values()
    if len(specs) == 1:
        (spec,) = specs
        row, column = _tensor(_rest(spec), spec), _tensor(spec.shape, spec)
    else:
        row = _object({spec.name: _tensor(_rest(spec), spec) for spec in specs})
        column = _object({spec.name: _tensor(spec.shape, spec) for spec in specs})
    return _any_of([_object({"predictions": _list(row)}), _object({"outputs": column})])


def _tensor(shape: tuple[int | None, ...] | None, spec: TensorSpec, least: int = 0) -> Schema:
    if shape is None:
        return {"description": f"nested lists of {spec.tensorflow_type}"}
    schema: Schema = {"type": _JSON_TYPES[spec.dtype.kind]}
    if spec.dtype.kind == "f":
        limit = float(np.finfo(spec.dtype).max)
        schema |= {"minimum": -limit, "maximum": limit}
    elif spec.dtype.kind in "iu":
        bounds = np.iinfo(spec.dtype)
        schema |= {"minimum": int(bounds.min), "maximum": int(bounds.max)}
    for size in reversed(shape):
        fixed = {"minItems": least} if size is None else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **fixed}
    return schema


def _rest(spec: TensorSpec) -> tuple[int | None, ...] | None:
    """The shape of one row."""
    return None if spec.shape is None else spec.shape[1:]


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _any_of(schemas: list[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
