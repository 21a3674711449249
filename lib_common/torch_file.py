"""Reads torch files into memory: the zip container, and the legacy one from before torch 1.6."""

from __future__ import annotations

import os
import struct
import zipfile
from typing import BinaryIO

import torch

from .errors import WeightFileError
from .torch_pickle import OPAQUE, LimitError, PickleReader, StorageRef, tensors_in
from .weight_entries import (
    DTYPES,
    MAX_HEADER_BYTES,
    TensorInfo,
    check_count,
    count_of,
    damaged,
    item_size,
    too_large,
    truncated,
    unsupported,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class TorchReader:
    """Base of the torch readers; subclasses locate the pickle and the storages. entries: key -> TensorInfo."""

    def __init__(self, name: str, file: BinaryIO):
        self.name, self.file = name, file
        self.size = os.fstat(file.fileno()).st_size
        try:
            tree = self.load_tree()
            if not isinstance(tree, dict):
                what = "single object" if tree is OPAQUE else type(tree).__name__
                raise WeightFileError(f"`{name}` holds a {what}, not a table of tensors; pick another file.")
            self.tensors = tensors_in(tree)
        except LimitError as error:
            raise too_large(name, str(error)) from None
        self.entries = {key: TensorInfo(ref.shape, ref.dtype) for key, ref in self.tensors.items()}
        self.check_extents()
        self.storages: dict[str, torch.Tensor] = {}

    def load_tree(self) -> object:
        raise NotImplementedError

    def read_storage(self, storage: StorageRef) -> torch.Tensor:
        raise NotImplementedError

    def check_extents(self) -> None:
        """Raise WeightFileError for meta tensors, tensors outside of their storage and storages outside of the file."""
        total: dict[str, int] = {}
        for key, ref in self.tensors.items():
            if ref.storage is None:
                raise WeightFileError(f"`{self.name}` was saved without its values: `{key[:80]}` is on the meta device; save it "
                                      "again from the loaded model.")
            width, stored = item_size(ref.dtype), item_size(ref.storage.dtype)
            if width is None or stored is None:
                raise unsupported(self.name, key, ref.dtype)
            end = ref.offset + sum((side - 1) * step for side, step in zip(ref.shape, ref.stride)) + 1
            if len(ref.shape) != len(ref.stride) or count_of(ref.shape) and end * width > ref.storage.count * stored:
                raise damaged(self.name)
            total[ref.storage.key] = ref.storage.count * stored
        if sum(total.values()) > self.size:
            raise truncated(self.name, self.size, sum(total.values()))

    def read(self, key: str) -> torch.Tensor:
        """Return one tensor on the CPU, copied, so that later changes of the file do not affect it."""
        ref = self.tensors[key]
        assert ref.storage is not None
        if ref.storage.key not in self.storages:
            self.storages[ref.storage.key] = self.read_storage(ref.storage)
        typed = self.storages[ref.storage.key].view(DTYPES[ref.dtype])
        if count_of(ref.shape) > typed.numel():  # an expanded view, with which a small file could exhaust memory
            raise damaged(self.name)
        return torch.as_strided(typed, ref.shape, ref.stride, ref.offset)


class ZipReader(TorchReader):
    """The container of torch 1.6 and later: data.pkl, and one uncompressed member for each storage."""

    def load_tree(self) -> object:
        try:
            self.archive = zipfile.ZipFile(self.file)
        except zipfile.BadZipFile:
            raise truncated(self.name, self.size, "more: the archive's index at its end is missing") from None
        check_count(self.name, len(self.archive.filelist))
        member = next((name for name in self.archive.namelist() if name.endswith("data.pkl")), None)
        if member is None:
            raise WeightFileError(f"`{self.name}` is a zip archive without weights; unpack it first.")
        if self.archive.getinfo(member).file_size > MAX_HEADER_BYTES:
            raise too_large(self.name, f"more than {MAX_HEADER_BYTES} bytes")
        self.folder = member.removesuffix("data.pkl")
        with self.archive.open(member) as file:
            return PickleReader(file).load()  # type: ignore[arg-type]

    def read_storage(self, storage: StorageRef) -> torch.Tensor:
        info = self.archive.getinfo(f"{self.folder}data/{storage.key}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise WeightFileError(f"`{self.name}` was compressed after it was saved; use the original file.")
        size = storage.count * (item_size(storage.dtype) or 0)
        buffer = torch.empty(size, dtype=torch.uint8)
        with self.archive.open(info) as file:
            if info.file_size < size or size and file.readinto(memoryview(buffer.numpy())) != size:  # type: ignore[attr-defined]
                raise truncated(self.name, self.size, size)
        return buffer


class LegacyReader(TorchReader):
    """The container from before torch 1.6: magic number, protocol, system facts, the pickle, the storages' keys, their bytes."""

    def load_tree(self) -> object:
        reader = PickleReader(self.file)
        tree = reader.load()
        self.starts: dict[str, int] = {}
        if tree != LEGACY_MAGIC:
            return tree
        for _ in range(3):
            tree = reader.load()
        keys = reader.load()
        place = self.file.tell()
        for key in keys if isinstance(keys, list) else []:
            self.starts[str(key)] = place + 8
            self.file.seek(place)
            count = struct.unpack("<q", self.file.read(8))[0]
            storage = reader.storages[str(key)]
            if count != storage.count:
                raise damaged(self.name)
            place += 8 + count * (item_size(storage.dtype) or 0)
        if place > self.size:
            raise truncated(self.name, self.size, place)
        return tree

    def read_storage(self, storage: StorageRef) -> torch.Tensor:
        size = storage.count * (item_size(storage.dtype) or 0)
        buffer = torch.empty(size, dtype=torch.uint8)
        self.file.seek(self.starts[storage.key])
        if size and self.file.readinto(memoryview(buffer.numpy())) != size:  # type: ignore[attr-defined]
            raise truncated(self.name, self.size, size)
        return buffer
