"""What the process that speaks HTTP and a worker say to each other, over a socket.

A worker begins with its process id. A request is a Head, the pieces of the body, and an empty
piece; an answer is a Tail and the bytes for the client.
"""

import json
import struct
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

PID = struct.Struct(">I")
LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Head:
    method: Literal["predict", "infer"]
    """TensorFlow Serving's, or the Open Inference Protocol's."""
    model: str
    version: str
    encoding: str
    limit: int
    """Bytes of the body, unpacked."""
    json_bytes: int | None = None
    """Of the body, unpacked; binary tensors follow. None: all of it is JSON."""

    def to_bytes(self) -> bytes:
        return piece(json.dumps(asdict(self)).encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Head":
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Tail:
    status: int
    stays: bool
    """Whether the worker takes another request."""
    length: int
    json_bytes: int
    """Of the answer; binary tensors follow. 0: all of it is JSON."""

    _FORMAT: ClassVar = struct.Struct(">H?QQ")
    SIZE: ClassVar = _FORMAT.size

    def to_bytes(self) -> bytes:
        return self._FORMAT.pack(self.status, self.stays, self.length, self.json_bytes)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Tail":
        return cls(*cls._FORMAT.unpack(data))


def piece(data: bytes) -> bytes:
    return LENGTH.pack(len(data)) + data


END = piece(b"")
