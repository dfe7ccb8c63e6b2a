"""What the process that speaks HTTP and a worker say to each other, over a socket.

A worker begins with its process id. A request is a Head, the pieces of the body, and an empty
piece; an answer is a Tail and the bytes for the client.
"""

import struct
from dataclasses import dataclass
from typing import ClassVar

PID = struct.Struct(">I")
LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Head:
    version: str
    encoding: str
    limit: int
    """Bytes of the body, unpacked."""

    def to_bytes(self) -> bytes:
        return piece(f"{self.version} {self.encoding} {self.limit}".encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Head":
        version, encoding, limit = data.decode().split()
        return cls(version, encoding, int(limit))


@dataclass(frozen=True)
class Tail:
    status: int
    stays: bool
    """Whether the worker takes another request."""
    length: int

    _FORMAT: ClassVar = struct.Struct(">H?Q")
    SIZE: ClassVar = _FORMAT.size

    def to_bytes(self) -> bytes:
        return self._FORMAT.pack(self.status, self.stays, self.length)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Tail":
        return cls(*cls._FORMAT.unpack(data))


def piece(data: bytes) -> bytes:
    return LENGTH.pack(len(data)) + data


END = piece(b"")
