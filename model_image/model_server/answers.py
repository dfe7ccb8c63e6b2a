"""What the API answers, typed: TensorFlow Serving's JSON for its protobuf messages."""

from typing import Literal

from pydantic import BaseModel, Field

from .catalogue import SIGNATURE, Version
from .tensors import TensorSpec


class Answer(
    BaseModel,
    extra="forbid",
    protected_namespaces=(),
    json_schema_serialization_defaults_required=True,
):
    """Every field is always there and there are no others; the OpenAPI document says so."""


class Error(Answer):
    error: str = Field(description="One sentence: what is wrong and what to do.")


class Health(Answer):
    status: Literal["ok"] = "ok"


class Status(Answer):
    error_code: Literal["OK"] = "OK"
    error_message: str = ""


class VersionStatus(Answer):
    version: str
    state: Literal["AVAILABLE"] = "AVAILABLE"
    status: Status = Status()


class ModelStatus(Answer):
    model_version_status: list[VersionStatus]

    @classmethod
    def of(cls, models: list[Version]) -> "ModelStatus":
        return cls(model_version_status=[VersionStatus(version=str(m.version)) for m in models])


class Dimension(Answer):
    size: str = Field(description="-1: any size")
    name: str = ""


class TensorShape(Answer):
    dim: list[Dimension]
    unknown_rank: bool


class TensorInfo(Answer):
    dtype: str = Field(examples=["DT_FLOAT"])
    tensor_shape: TensorShape
    name: str

    @classmethod
    def of(cls, spec: TensorSpec) -> "TensorInfo":
        sizes = [-1 if size is None else size for size in spec.shape or ()]
        shape = TensorShape(
            dim=[Dimension(size=str(size)) for size in sizes], unknown_rank=spec.shape is None
        )
        return cls(dtype=spec.tensorflow_type, tensor_shape=shape, name=spec.name)


class Signature(Answer):
    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]
    method_name: Literal["tensorflow/serving/predict"] = "tensorflow/serving/predict"


class SignatureMap(Answer):
    signature_def: dict[str, Signature]


class Metadata(Answer):
    signature_def: SignatureMap


class ModelSpec(Answer):
    name: str
    signature_name: str = ""
    version: str


class ModelMetadata(Answer):
    model_spec: ModelSpec
    metadata: Metadata

    @classmethod
    def of(cls, name: str, model: Version) -> "ModelMetadata":
        signature = Signature(
            inputs={key: TensorInfo.of(spec) for key, spec in model.inputs.items()},
            outputs={key: TensorInfo.of(spec) for key, spec in model.outputs.items()},
        )
        return cls(
            model_spec=ModelSpec(name=name, version=str(model.version)),
            # Twice the same key, as TensorFlow Serving has it: a map inside a message.
            metadata=Metadata(signature_def=SignatureMap(signature_def={SIGNATURE: signature})),
        )
