"""Names, shapes and storage types of the tensors in a weight file, from its header alone; no tensor is read.

The container is recognised by its first bytes, not by the file's name. Pickles are walked with inert stand-ins for
everything they mention: nothing in them is imported or called.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

from .errors import IcLightError

SAFETENSORS_DTYPES = {
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I8": "int8", "U8": "uint8", "I16": "int16", "I32": "int32", "I64": "int64",
    "BOOL": "bool",
}
STORAGE_DTYPES = {
    "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "CharStorage": "int8", "ByteStorage": "uint8", "ShortStorage": "int16", "IntStorage": "int32",
    "LongStorage": "int64", "BoolStorage": "bool", "UntypedStorage": "uint8",
}
WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class Entry(NamedTuple):
    shape: tuple[int, ...]
    dtype: str


def read_header(path: str | Path) -> dict[str, Entry]:
    """Return {key: Entry} of a .safetensors or torch file; a nested state dict is flattened with dots.

    Raises IcLightError with the file's name when it is missing, empty, a web page, a git-LFS pointer, truncated or
    not a weight file at all.
    """
    path = Path(path)
    size = size_of(path)
    with path.open("rb") as file:
        first = file.read(512)
    refuse_impostor(path.name, first, size)
    if first.startswith(b"PK\x03\x04"):
        return zip_header(path)
    if first[8:9] == b"{":
        return safetensors_header(path, size)
    if first[:1] == b"\x80":
        return legacy_header(path)
    if path.suffix.lower() == ".safetensors" and size < 9:
        raise truncated(path.name, size, "at least 9")
    raise IcLightError(f"{path.name} is neither a safetensors nor a torch weight file (it starts with "
                       f"{first[:8]!r}); download it again or pick another file.")


def size_of(path: Path) -> int:
    if path.is_dir():
        raise IcLightError(f"{path.name} is a folder; pick a weight file inside it.")
    try:
        size = path.stat().st_size
    except OSError:
        raise IcLightError(f"{path.name} was not found at {path}; download it there or pick another model.") from None
    if size == 0:
        raise IcLightError(f"{path.name} is empty (0 bytes), so its download did not finish; download it again.")
    return size


def refuse_impostor(name: str, first: bytes, size: int) -> None:
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(WEB_PAGE):
        raise IcLightError(f"{name} is a web page ({size} bytes), not weights: the link led to a page about the file; "
                           "use the page's own download button.")
    if text.startswith(b"version https://git-lfs"):
        sizes = [line[5:].decode("latin1") for line in text.splitlines() if line.startswith(b"size ")]
        real = sizes[0] if sizes else "an unknown number of"
        raise IcLightError(f"{name} is a git-LFS pointer of {size} bytes, not the weights of {real} bytes; "
                           "run `git lfs pull` in its folder or download the file itself.")


def truncated(name: str, size: int, wanted) -> IcLightError:
    return IcLightError(f"{name} is truncated: it has {size} bytes and its header asks for {wanted}; "
                        "download it again.")


def damaged(name: str) -> IcLightError:
    return IcLightError(f"{name} is damaged: its list of tensors cannot be read; download it again.")


def safetensors_header(path: Path, size: int) -> dict[str, Entry]:
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        if 8 + length > size:
            raise truncated(path.name, size, 8 + length)
        text = file.read(length)
    try:
        table = json.loads(text)
        table.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in table.values()), default=0)
        entries = {key: Entry(tuple(entry["shape"]), SAFETENSORS_DTYPES.get(entry["dtype"], entry["dtype"]))
                   for key, entry in table.items()}
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise damaged(path.name) from None
    if 8 + length + end > size:
        raise truncated(path.name, size, 8 + length + end)
    return entries


def zip_header(path: Path) -> dict[str, Entry]:
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(member) as file:
                return entries_of(HeaderUnpickler(file, encoding="latin1").load())
    except zipfile.BadZipFile:
        raise truncated(path.name, path.stat().st_size, "more: the archive's index at its end is missing") from None
    except StopIteration:
        raise IcLightError(f"{path.name} is a zip archive without weights; unpack it first.") from None
    except Exception:
        raise damaged(path.name) from None


def legacy_header(path: Path) -> dict[str, Entry]:
    """Read a torch file from before 1.6: magic number, protocol and system facts, then the state dict's pickle."""
    try:
        with path.open("rb") as file:
            tree = HeaderUnpickler(file, encoding="latin1").load()
            if tree == LEGACY_MAGIC:
                for _ in range(3):
                    tree = HeaderUnpickler(file, encoding="latin1").load()
            return entries_of(tree)
    except Exception:
        raise damaged(path.name) from None


def entries_of(tree) -> dict[str, Entry]:
    return {key: leaf for key, leaf in flatten(tree) if isinstance(leaf, Entry)}


def flatten(tree, prefix: str = ""):
    """Yield (dotted key, leaf) of nested dicts; a `state_dict` at the top is what is meant when there is one."""
    if not prefix and isinstance(tree.get("state_dict"), dict):
        tree = tree["state_dict"]
    for key, leaf in tree.items():
        if isinstance(leaf, dict):
            yield from flatten(leaf, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", leaf


class Table(dict):
    """Stands for OrderedDict; like it, takes attributes (a state dict carries `_metadata`)."""


class Inert:
    """Stands for any class or function that a pickle names; takes every call and keeps nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return Inert()

    def __setitem__(self, key, value):
        pass

    def __setstate__(self, state):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass


def rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, dtype=None, metadata=None) -> Entry:
    return Entry(tuple(size), dtype if isinstance(dtype, str) else storage)


def rebuild_parameter(data, *rest):
    return data


class HeaderUnpickler(pickle.Unpickler):
    """Builds dicts, lists, numbers and Entry only."""

    def find_class(self, module, name):
        if name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        if module == "torch" and name in SAFETENSORS_DTYPES.values():
            return name
        known = {"OrderedDict": Table, "Size": tuple, "_rebuild_parameter": rebuild_parameter}
        if name.startswith("_rebuild_tensor"):
            return rebuild_tensor
        return known.get(name, Inert)

    def persistent_load(self, pid):
        return pid[1] if isinstance(pid, tuple) and len(pid) > 1 else "unknown"
