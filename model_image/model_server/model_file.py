"""What ONNX Runtime does not tell of a model's file: which ranks it leaves open."""

import mmap
from collections.abc import Iterator
from pathlib import Path

# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_GRAPH = 7  # of ModelProto
_VALUES = {11, 12}  # of GraphProto: input, output
_NAME, _TYPE = 1, 2  # of ValueInfoProto
_TENSOR = 1  # of TypeProto
_SHAPE = 2  # of TypeProto.Tensor


def without_rank(path: Path) -> set[str]:
    """Names of the graph's inputs and outputs whose rank may be any.

    ONNX Runtime gives them the shape of a scalar, `[]`. Nothing is read but the way to the graph's
    values, however large its weights are.
    """
    names: set[str] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for graph in _fields(data, 0, len(data), {_GRAPH}):
            for value in _fields(data, *graph, _VALUES):
                tensors = [
                    tensor
                    for type_ in _fields(data, *value, {_TYPE})
                    for tensor in _fields(data, *type_, {_TENSOR})
                ]
                if tensors and not any(
                    True for tensor in tensors for _ in _fields(data, *tensor, {_SHAPE})
                ):
                    names.update(
                        data[start:end].decode() for start, end in _fields(data, *value, {_NAME})
                    )
    return names


def _fields(data: mmap.mmap, at: int, end: int, wanted: set[int]) -> Iterator[tuple[int, int]]:
    """Where the fields of these numbers begin and end that have a length.

    https://protobuf.dev/programming-guides/encoding/
    """
    while at < end:
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            _, at = _varint(data, at)
        elif wire_type == 2:
            length, at = _varint(data, at)
            if number in wanted:
                yield at, at + length
            at += length
        else:
            at += {1: 8, 5: 4}[wire_type]


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
