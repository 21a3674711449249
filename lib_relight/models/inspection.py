"""Tells for any file what model it holds, whether it is whole, and what it fits."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from ...lib_common.errors import UserError
from ...lib_common.weight_file import SUFFIXES, read_header
from ...lib_iclight import weights
from ...lib_ipadapter.encode.adapter import inspect_adapter
from ...lib_ipadapter.encode.encoder import inspect_encoder
from ..base.caches import cached_by_mtime
from ..base.known_files import KnownFile, known_files
from ..matting.model_table import family_of
from ..matting.onnx_tensors import GRAPH, fields
from . import checkpoint
from .integrity import STAGING, mismatch

BASES = {"sd15": "SD 1.5", "sd2": "SD 2", "sdxl": "SDXL"}
ONNX = ".onnx"


@dataclass(frozen=True)
class FileReport:
    """what: the kind of model.  fits: the checkpoints or purpose it is for.  known: name of the published file it is equal to.

    whole: True if it equals a published file, False if it is damaged, None if no hash of it is known.  message: the problem.
    """

    path: Path
    size: int
    what: str
    fits: str = ""
    known: str = ""
    whole: bool | None = None
    message: str = ""


def model_files(folder: Path) -> list[Path]:
    """Return all weight and ONNX files in or below a folder, or the file itself; unfinished downloads are left out."""
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    return [path for path in paths if path.suffix.lower() in (*SUFFIXES, ONNX) and STAGING not in path.parts and path.is_file()]


def inspect(path: Path) -> FileReport:
    """Recognise a file by its content and compare it with the published files. Never raises for a damaged file."""
    size = path.stat().st_size
    if (known := published(path, size)) is not None:
        return FileReport(path, size, known.kind, fits(known), known.name, True)
    try:
        what, base = recognised_now(path)
    except (UserError, ValueError, OSError) as error:
        return FileReport(path, size, "damaged or unreadable", whole=False, message=str(error))
    named = next((file for file in known_files().values() if file.file == path.name and file.size not in (None, size)), None)
    message = f"it has {size:,} bytes, the published {named.file} has {named.size:,}" if named else ""
    return FileReport(path, size, what, base, message=message)


def published(path: Path, size: int) -> KnownFile | None:
    """Return the known file with this size and hash."""
    same_size = (file for file in known_files().values() if file.size == size and file.sha256)
    return next((file for file in same_size if mismatch(file, path) is None), None)


def fits(known: KnownFile) -> str:
    return BASES.get(known.base, known.purpose)


@cached_by_mtime
def recognised_now(path: Path) -> tuple[str, str]:
    """As recognised for a file in its place, cached until it changes."""
    return recognised(path, path.suffix)


def recognised(path: Path, suffix: str) -> tuple[str, str]:
    """Return (kind of model, what it fits). suffix: of its final name. Raises UserError or ValueError for a damaged file."""
    if suffix.lower() == ONNX:
        return onnx_kind(path)
    entries = read_header(path)
    if set(entries) == {"data"}:
        return "negative tokens", "IP-Adapter"
    if {"fuse.weight", "sides.0.weight"} <= set(entries):
        return "matting model U²-Net-p", "any subject"
    for look in (iclight, adapter, encoder, whole_checkpoint):
        try:
            return look(path)
        except UserError:
            continue
    return "other weights", ""


def iclight(path: Path) -> tuple[str, str]:
    return f"IC-Light {weights.inspect_file(path).kind}", BASES["sd15"]


def adapter(path: Path) -> tuple[str, str]:
    variant = inspect_adapter(path)
    return f"IP-Adapter {variant.family.title}", BASES[variant.base]


def encoder(path: Path) -> tuple[str, str]:
    return f"image encoder {inspect_encoder(path).name}", "IP-Adapter"


def whole_checkpoint(path: Path) -> tuple[str, str]:
    family = checkpoint.inspect(path).family
    if family not in BASES:
        raise UserError("no checkpoint")
    return "checkpoint", BASES[family]


def onnx_kind(path: Path) -> tuple[str, str]:
    """Return the kind of an ONNX file by its name, after walking its outermost fields. Raises ValueError if it ends early."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            numbers = [number for number, _ in fields(content)]
    except (IndexError, ValueError) as error:
        raise ValueError("it is no whole ONNX file") from error
    if GRAPH not in numbers:
        raise ValueError("it holds no ONNX graph")
    return ("matting model", family_of(path.stem)) if family_of(path.stem) else ("ONNX model", "")
