"""Reads the shapes of an ONNX file's inputs and outputs; needs neither onnx nor onnxruntime, and skips the weights.

Field numbers: onnx/onnx.proto, messages GraphProto (input 11, output 12), ValueInfoProto (type 2), TypeProto (tensor_type 1),
TypeProto.Tensor (shape 2), TensorShapeProto (dim 1) and its Dimension (dim_value 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...lib_common.file_cache import cached_by_mtime
from ..matting.onnx_tensors import BYTES, FIXED_32, FIXED_64, GRAPH, VARINT, fields, varint

INPUT, OUTPUT = 11, 12
TYPE, TENSOR_TYPE, SHAPE, DIM, DIM_VALUE = 2, 1, 2, 1, 1
LONGEST_TAG = 20
"""Bytes of a field's tag and length, ten each."""
Shape = tuple["int | None", ...]


@dataclass(frozen=True)
class OnnxHeader:
    """inputs, outputs: shapes in the file's order, None for a free side."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


@cached_by_mtime
def read_onnx_header(path: Path) -> OnnxHeader:
    """Return the shapes, cached until the file changes. Raises ValueError for what is no whole ONNX file."""
    shapes: dict[int, list[Shape]] = {INPUT: [], OUTPUT: []}
    try:
        with path.open("rb") as file:
            graphs = [(start, stop) for number, start, stop in spans(file, 0, path.stat().st_size) if number == GRAPH]
            for number, start, stop in spans(file, *graphs[-1]) if graphs else ():
                if number in shapes:
                    file.seek(start)
                    shapes[number].append(shape_of(memoryview(file.read(stop - start))))
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError("it is no whole ONNX file") from error
    if not graphs:
        raise ValueError("it holds no ONNX graph")
    return OnnxHeader(tuple(shapes[INPUT]), tuple(shapes[OUTPUT]))


def spans(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, stop) of the contents of a message's fields in the file; they are not read."""
    while start < stop:
        file.seek(start)
        head = memoryview(file.read(LONGEST_TAG))
        tag, offset = varint(head, 0)
        kind = tag & 7
        if kind == BYTES:
            size, offset = varint(head, offset)
        elif kind == VARINT:
            size = varint(head, offset)[1] - offset
        elif kind in (FIXED_64, FIXED_32):
            size = 8 if kind == FIXED_64 else 4
        else:
            raise ValueError(f"protobuf's wire type {kind}")
        begin, start = start + offset, start + offset + size
        if start > stop:
            raise IndexError
        yield tag >> 3, begin, start


def shape_of(value_info: memoryview) -> Shape:
    """Return the shape in a ValueInfoProto; () where it states none."""
    dims = [value_info]
    for field in (TYPE, TENSOR_TYPE, SHAPE, DIM):
        dims = [content for message in dims for number, content in fields(message) if number == field]
    values = [[value for number, value in fields(dim) if number == DIM_VALUE and isinstance(value, int)] for dim in dims]
    return tuple(stated[0] or None if stated else None for stated in values)
