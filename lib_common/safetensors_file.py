"""Reads safetensors files into memory: a JSON header with the offsets of the tensors, then their bytes."""

from __future__ import annotations

import json
import os
import struct
from typing import Any, BinaryIO

import torch

from .weight_entries import (
    DTYPES,
    MAX_HEADER_BYTES,
    TensorInfo,
    check_count,
    count_of,
    damaged,
    item_size,
    to_shape,
    too_large,
    truncated,
    unsupported,
)

DTYPE_NAMES = {
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I8": "int8", "U8": "uint8", "I16": "int16", "U16": "uint16", "I32": "int32", "U32": "uint32",
    "I64": "int64", "U64": "uint64", "BOOL": "bool", "C64": "complex64",
}


class SafetensorsReader:
    """Reads one safetensors file. entries: key -> TensorInfo. Raises WeightFileError for a header that does not fit the file."""

    def __init__(self, name: str, file: BinaryIO):
        self.name, self.file = name, file
        size = os.fstat(file.fileno()).st_size
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        if size < 9 or 8 + length > size:
            raise truncated(name, size, max(8 + length, 9))
        if length > MAX_HEADER_BYTES:
            raise too_large(name, f"{length} bytes")
        table = json.loads(file.read(length))
        table.pop("__metadata__", None)
        check_count(name, len(table))
        self.start = 8 + length
        self.entries: dict[str, TensorInfo] = {}
        self.offsets: dict[str, tuple[int, int]] = {}
        for key, entry in table.items():
            self.entries[key], self.offsets[key] = self.parse_entry(entry)
        end = max((end for _, end in self.offsets.values()), default=0)
        if self.start + end > size:
            raise truncated(name, size, self.start + end)
        if sum(end - begin for begin, end in self.offsets.values()) > end:
            raise damaged(name)

    def parse_entry(self, entry: dict[str, Any]) -> tuple[TensorInfo, tuple[int, int]]:
        begin, end = to_shape(entry["data_offsets"])
        info = TensorInfo(to_shape(entry["shape"]), DTYPE_NAMES.get(entry["dtype"], str(entry["dtype"])[:20]))
        width = item_size(info.dtype)
        if begin > end or width is not None and end - begin != width * count_of(info.shape):
            raise damaged(self.name)
        return info, (begin, end)

    def read(self, key: str) -> torch.Tensor:
        """Return one tensor on the CPU, copied, so that later changes of the file do not affect it."""
        info, (begin, end) = self.entries[key], self.offsets[key]
        if info.dtype not in DTYPES:
            raise unsupported(self.name, key, info.dtype)
        buffer = torch.empty(end - begin, dtype=torch.uint8)
        self.file.seek(self.start + begin)
        if end > begin and self.file.readinto(memoryview(buffer.numpy())) != end - begin:  # type: ignore  # type: ignore
            raise truncated(self.name, os.fstat(self.file.fileno()).st_size, self.start + end)
        return buffer.view(DTYPES[info.dtype]).reshape(info.shape)
