"""The Open Inference Protocol's infer request, from body to answer, with binary tensors.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, ValidationError

from .errors import RequestError, quoted
from .json_text import array_pieces, finite, loads
from .models import ServedModel
from .tensors import (
    MOST_DIMENSIONS,
    Array,
    TensorSpec,
    array_from_bytes,
    array_from_json,
    array_to_bytes,
)

_MOST_TENSORS = 10_000
"""Beyond that a request is wrong, and may be all tensors, which cost more than what is counted."""


class _Part(BaseModel, strict=True):
    """What is not known is ignored: clients send hints of their own in `parameters`."""


class _InputParameters(_Part):
    binary_data_size: int | None = Field(None, ge=0)
    shared_memory_region: Any = None


class _Input(_Part):
    name: str
    shape: list[Annotated[int, Field(ge=1)]] = Field(max_length=MOST_DIMENSIONS, fail_fast=True)
    datatype: str
    parameters: _InputParameters | None = None
    data: Any = None


class _OutputParameters(_Part):
    binary_data: bool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class _Output(_Part):
    name: str
    parameters: _OutputParameters | None = None


class _RequestParameters(_Part):
    binary_data_output: bool | None = None


class _Request(_Part):
    id: str | None = None
    parameters: _RequestParameters | None = None
    # The first mistake will do: of a body full of them the rest would take its memory many times.
    inputs: list[_Input] = Field(max_length=_MOST_TENSORS, fail_fast=True)
    outputs: list[_Output] | None = Field(None, max_length=_MOST_TENSORS, fail_fast=True)


def infer(
    model: ServedModel, name: str, body: bytearray, json_bytes: int | None
) -> tuple[bytearray, int]:
    """Answer an infer request; say how many bytes of the answer are JSON, or 0 if all are.

    Raises:
        RequestError: 400, if the request does not fit the model.
    """
    end = len(body) if json_bytes is None else json_bytes
    if end > len(body):
        raise RequestError(
            400, f"Inference-Header-Content-Length is {end}, and the body has {len(body)} bytes."
        )
    request = _parsed(_loaded(body, json_bytes))
    tensors = _tensors(request.inputs, model.inputs, memoryview(body)[end:])
    is_binary = _wanted(request, model.outputs)
    del request.inputs  # the answer gets its memory
    outputs = model.run(tensors)
    finite({key: array for key, array in outputs.items() if is_binary.get(key) is False})
    head = {"model_name": name, "model_version": str(model.version)}
    if request.id is not None:
        head["id"] = request.id
    return _written(head, {key: outputs[key] for key in is_binary}, model.outputs, is_binary)


def _loaded(body: bytearray, json_bytes: int | None) -> Any:
    try:
        return loads(memoryview(body)[:json_bytes])
    except RequestError:
        if json_bytes is None and b'"binary_data_size"' in body:
            raise RequestError(
                400,
                "Binary tensors follow the JSON, and Inference-Header-Content-Length does not say "
                "how long that is: send this header.",
            ) from None
        raise


def _parsed(content: Any) -> _Request:
    try:
        return _Request.model_validate(content)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(map(str, first["loc"])) or "the body"
        is_object = first["type"] in ("model_type", "dict_type")
        what = "Input should be an object" if is_object else first["msg"]
        raise RequestError(400, f"The request is not valid: {where}: {what}.") from None


def _tensors(
    inputs: list[_Input], specs: Mapping[str, TensorSpec], binary: memoryview
) -> dict[str, Array]:
    if sorted(each.name for each in inputs) != sorted(specs):
        names = ", ".join(f"'{name}'" for name in specs) or "none"
        raise RequestError(400, f"The inputs of the model are {names}: give each of them once.")
    tensors, at = {}, 0
    for each in inputs:
        spec = specs[each.name]
        if each.datatype != spec.datatype:
            raise RequestError(
                400, f"Input '{each.name}' takes {spec.datatype}, not {quoted(each.datatype)}."
            )
        shape = tuple(each.shape)
        spec.check(shape)
        parameters = each.parameters or _InputParameters()
        if parameters.shared_memory_region is not None:
            raise RequestError(400, "Inputs have no shared_memory_region here: send the data.")
        size = parameters.binary_data_size
        if (size is None) == (each.data is None):
            raise RequestError(
                400, f"Give input '{each.name}' either data or the parameter binary_data_size."
            )
        if size is None:
            tensors[each.name] = array_from_json(each.data, spec, shape)
        else:
            tensors[each.name] = array_from_bytes(binary[at : at + size], spec, shape)
            at += size
    if at != len(binary):
        raise RequestError(
            400, f"The inputs have {at} bytes of binary data, and {len(binary)} follow the JSON."
        )
    return tensors


def _wanted(request: _Request, outputs: Mapping[str, TensorSpec]) -> dict[str, bool]:
    """The outputs in the order in which they are answered, and whether in binary form."""
    default = bool(request.parameters and request.parameters.binary_data_output)
    if not request.outputs:
        return dict.fromkeys(outputs, default)
    wanted: dict[str, bool] = {}
    for each in request.outputs:
        if each.name not in outputs or each.name in wanted:
            names = ", ".join(f"'{name}'" for name in outputs)
            raise RequestError(
                400, f"The outputs of the model are {names}: ask for each of them once, or not."
            )
        parameters = each.parameters or _OutputParameters()
        for parameter in ("classification", "shared_memory_region"):
            if getattr(parameters, parameter) is not None:
                raise RequestError(400, f"Outputs have no {parameter} here: leave it out.")
        is_said = parameters.binary_data is not None
        wanted[each.name] = bool(parameters.binary_data) if is_said else default
    return wanted


def _written(
    head: dict[str, str],
    outputs: Mapping[str, Array],
    specs: Mapping[str, TensorSpec],
    is_binary: Mapping[str, bool],
) -> tuple[bytearray, int]:
    answer = bytearray(orjson.dumps(head)[:-1] + b',"outputs":[')
    binary: list[bytes | bytearray] = []
    for position, (name, array) in enumerate(outputs.items()):
        output: dict[str, Any] = {
            "name": name,
            "datatype": specs[name].datatype,
            "shape": list(array.shape),
        }
        if is_binary[name]:
            binary.append(array_to_bytes(array))
            output["parameters"] = {"binary_data_size": len(binary[-1])}
        answer += b"," * bool(position) + orjson.dumps(output)
        if not is_binary[name]:
            answer[-1:] = b',"data":'
            for piece in array_pieces(array.reshape(-1)):
                answer += piece
            answer += b"}"
    answer += b"]}"
    json_bytes = len(answer) if binary else 0
    while binary:
        answer += binary.pop(0)
    return answer, json_bytes
