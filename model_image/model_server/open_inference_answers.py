"""What the API answers, typed: the Open Inference Protocol's."""

from typing import Literal

from pydantic import Field

from .answers import Answer
from .catalogue import Models, Version
from .tensors import TensorSpec


class ServerMetadata(Answer):
    name: Literal["model-server"] = "model-server"
    version: Literal["1.0.0"] = "1.0.0"
    extensions: list[Literal["binary_tensor_data"]] = Field(["binary_tensor_data"])


class ServerLive(Answer):
    live: Literal[True] = True


class ServerReady(Answer):
    live: Literal[True] = Field(True, description="As the specification has it")
    ready: Literal[True] = Field(True, description="As KServe has it")


class ModelReady(Answer):
    name: str
    ready: Literal[True] = True


class TensorMetadata(Answer):
    name: str
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = Field(description="-1: any size; alone also any number of dimensions")

    @classmethod
    def of(cls, spec: TensorSpec) -> "TensorMetadata":
        sizes = (None,) if spec.shape is None else spec.shape
        shape = [-1 if size is None else size for size in sizes]
        return cls(name=spec.name, datatype=spec.datatype, shape=shape)


class OpenInferenceMetadata(Answer):
    name: str
    versions: list[str] = Field(description="Newest first")
    platform: Literal["onnxruntime_onnx"] = "onnxruntime_onnx"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]

    @classmethod
    def of(cls, models: Models, model: Version) -> "OpenInferenceMetadata":
        return cls(
            name=models.name,
            versions=list(models.versions),
            inputs=[TensorMetadata.of(spec) for spec in model.inputs.values()],
            outputs=[TensorMetadata.of(spec) for spec in model.outputs.values()],
        )
