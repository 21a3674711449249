"""Reads the weight tensors of an ONNX file from protobuf's wire format; needs neither onnx nor onnxruntime.

Field numbers: onnx/onnx.proto, messages ModelProto (graph 7), GraphProto (initializer 5) and TensorProto (dims 1, data_type 2,
name 8, raw_data 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

import numpy as np

GRAPH, INITIALIZER = 7, 5
DIMS, DATA_TYPE, NAME, RAW_DATA = 1, 2, 8, 9
FLOAT = 1
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """Return the graph's float32 initializers by name. Raises ValueError for what is no such file."""
    try:
        return dict(tensor(content) for field, graph in fields(memoryview(data)) if field == GRAPH
                    for kind, content in fields(graph) if kind == INITIALIZER)
    except (IndexError, TypeError) as error:
        raise ValueError("truncated or no ONNX file") from error


def tensor(message: memoryview) -> tuple[str, np.ndarray]:
    """Return a TensorProto's name and array. Raises ValueError if it is not float32 kept as raw data."""
    shape, values = [], {}
    for field, value in fields(message):
        if field == DIMS:
            shape += [value] if isinstance(value, int) else varints(value)
        else:
            values[field] = value
    if values.get(DATA_TYPE) != FLOAT or RAW_DATA not in values:
        raise ValueError("an ONNX tensor that is not float32 in raw_data")
    array = np.frombuffer(values[RAW_DATA], "<f4").reshape(shape)
    return bytes(values[NAME]).decode(), array.astype(np.float32)


def fields(message: memoryview | mmap) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a message: varints as int, everything else as bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = varint(message, at)
        elif kind in (FIXED_64, BYTES, FIXED_32):
            size = {FIXED_64: 8, FIXED_32: 4}.get(kind)
            if size is None:
                size, at = varint(message, at)
            if at + size > len(message):
                raise IndexError
            value, at = message[at:at + size], at + size
        else:
            raise ValueError(f"protobuf's wire type {kind}")
        yield tag >> 3, value


def varint(message: memoryview | mmap, at: int) -> tuple[int, int]:
    """Return the number at a position, seven bits a byte, and the position after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def varints(packed: memoryview) -> list[int]:
    numbers, at = [], 0
    while at < len(packed):
        number, at = varint(packed, at)
        numbers.append(number)
    return numbers
