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
        summary=f"Predictions of '{models.name}' over TensorFlow Serving's REST contract and the "
        "Open Inference Protocol",
        routes=app.routes,
    )
    values = {"model": [models.name], "version": list(models.versions)}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            # FastAPI's own validation error, which this API never answers.
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", []):
                parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}
            asked = served if "{version}" in path else served[:1]
            if path.endswith(":predict"):
                _describe(operation, "Predict", asked)
            if path.endswith("/infer"):
                _describe(operation, "Infer", asked)
                operation["parameters"].append(_JSON_BYTES)
                answer = operation["responses"]["200"]
                answer["content"] |= _BINARY
                answer["headers"] = {_JSON_BYTES["name"]: {"schema": _JSON_BYTES["schema"]}}
    schemas = result["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in served:
        schemas[f"PredictRequestV{model.version}"] = _request(model)
        schemas[f"PredictAnswerV{model.version}"] = _answer(model)
        schemas[f"InferRequestV{model.version}"] = _infer_request(model)
        schemas[f"InferAnswerV{model.version}"] = _infer_answer(model, models.name)
    return result


def _describe(operation: Schema, method: str, models: list[Version]) -> None:
    def reference(kind: str) -> Schema:
        references = [{"$ref": f"#/components/schemas/{kind}V{m.version}"} for m in models]
        return {"application/json": {"schema": _any_of(references)}}

    operation["requestBody"] = {"required": True, "content": reference(f"{method}Request")}
    operation["responses"]["200"]["content"] = reference(f"{method}Answer")


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


def _infer_request(model: Version) -> Schema:
    """What is not named is ignored, and `null` is as good as nothing."""

    def given(spec: TensorSpec) -> Schema:
        rank = (
            {} if spec.shape is None else {"minItems": len(spec.shape), "maxItems": len(spec.shape)}
        )
        return {
            "type": "object",
            "properties": {
                "name": {"enum": [spec.name]},
                "datatype": {"enum": [spec.datatype]},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, **rank},
                "parameters": _parameters(binary_data_size=_or_null("integer") | {"minimum": 0}),
                "data": {"description": f"{spec.datatype}, nested or in one flat list"},
            },
            "required": ["name", "datatype", "shape"],
        }

    inputs = list(map(given, model.inputs.values()))
    wanted = {
        "type": "object",
        "properties": {
            "name": {"enum": list(model.outputs)},
            "parameters": _parameters(binary_data=_or_null("boolean")),
        },
        "required": ["name"],
    }
    return {
        "type": "object",
        "properties": {
            "id": _or_null("string"),
            "parameters": _parameters(binary_data_output=_or_null("boolean")),
            "inputs": {
                "type": "array",
                "minItems": len(inputs),
                "maxItems": len(inputs),
                "items": _any_of(inputs) if inputs else {},
            },
            "outputs": _or_null("array") | {"items": wanted, "maxItems": len(model.outputs)},
        },
        "required": ["inputs"],
    }


def _infer_answer(model: Version, name: str) -> Schema:
    def answered(spec: TensorSpec) -> Schema:
        value = _tensor((None,), spec)
        return {
            "type": "object",
            "properties": {
                "name": {"enum": [spec.name]},
                "datatype": {"enum": [spec.datatype]},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "data": value,
            },
            "required": ["name", "datatype", "shape", "data"],
            "additionalProperties": False,
        }

    outputs = list(map(answered, model.outputs.values()))
    return {
        "type": "object",
        "properties": {
            "model_name": {"enum": [name]},
            "model_version": {"enum": [str(model.version)]},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _any_of(outputs)},
        },
        "required": ["model_name", "model_version", "outputs"],
        "additionalProperties": False,
    }


_JSON_BYTES = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "description": "Bytes of JSON in the body; what follows are the inputs with binary_data_size",
    "schema": {"type": "integer", "minimum": 0},
}
_BINARY = {
    "application/octet-stream": {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": "JSON of so many bytes as the same header says, then binary outputs",
        }
    }
}


def _parameters(**known: Schema) -> Schema:
    return _or_null("object") | {"properties": known}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _tensor(shape: tuple[int | None, ...] | None, spec: TensorSpec, least: int = 0) -> Schema:
    if shape is None:
        return {"description": f"nested lists of {spec.tensorflow_type}"}
    schema: Schema = {"type": _JSON_TYPES[spec.dtype.kind]}
    if spec.dtype.kind == "O" and least:  # of a request
        schema = _any_of([schema, _object({"b64": {"type": "string", "format": "byte"}})])
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
