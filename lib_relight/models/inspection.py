"""Tells for any file what model it holds, whether it is whole, and what it fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...lib_common.errors import UserError, WeightFileError
from ...lib_common.file_cache import cached_by_mtime
from ...lib_common.weight_file import SUFFIXES, read_header
from ...lib_iclight import weights
from ...lib_iclight.families import name_family
from ...lib_ipadapter.encode.adapter import inspect_adapter
from ...lib_ipadapter.encode.encoder import inspect_encoder
from ..base.known_files import KnownFile, known_files
from ..matting.model_table import SIZES, family_of
from . import checkpoint, face_models
from .integrity import STAGING, mismatch
from .onnx_header import OnnxHeader, read_onnx_header

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
        what, base, message = recognised_now(path)
    except (UserError, ValueError, OSError) as error:
        return FileReport(path, size, "damaged or unreadable", whole=False, message=str(error))
    named = next((file for file in known_files().values() if file.file == path.name and file.size not in (None, size)), None)
    if named and not message:
        message = f"it has {size:,} bytes, the published {named.file} has {named.size:,}"
    return FileReport(path, size, what, base, message=message)


def published(path: Path, size: int) -> KnownFile | None:
    """Return the known file with this size and hash."""
    same_size = (file for file in known_files().values() if file.size == size and file.sha256)
    return next((file for file in same_size if mismatch(file, path) is None), None)


def fits(known: KnownFile) -> str:
    return BASES.get(known.base, known.purpose)


@cached_by_mtime
def recognised_now(path: Path) -> tuple[str, str, str]:
    """As recognised for a file in its place, cached until it changes."""
    return recognised(path, path.suffix)


def recognised(path: Path, suffix: str) -> tuple[str, str, str]:
    """Return (kind of model, what it fits, why it cannot be used). suffix: of its final name.

    Raises UserError or ValueError for a damaged file.
    """
    if suffix.lower() == ONNX:
        return (*onnx_kind(path), "")
    entries = read_header(path)
    if set(entries) == {"data"}:
        return "negative tokens", "IP-Adapter", ""
    if {"fuse.weight", "sides.0.weight"} <= set(entries):
        return "matting model U²-Net-p", "any subject", ""
    reasons = {}
    for look in (iclight, adapter, encoder, whole_checkpoint):
        try:
            return (*look(path), "")
        except WeightFileError:
            raise
        except UserError as error:
            reasons[look] = str(error)
    name = name_family(entries)
    family = "IC-Light" if weights.checkpoint_family(entries) == "iclight" else name.split(" ", 1)[-1]
    look = {"IC-Light": iclight, "IP-Adapter": adapter, "image encoder": encoder}.get(family)
    if look is not None:
        return f"unsupported {family}", "", reasons[look]
    return "other weights" if name in ("not a UNet", "unet", "checkpoint") else family, "", ""


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
    """Return the kind of an ONNX file by its inputs and outputs, and what it fits. Raises ValueError for a damaged file."""
    header = read_onnx_header(path)
    kind = face_models.kind_of(header)
    if kind == face_models.DETECTOR:
        return kind, "FaceID and crop: face"
    if kind == face_models.RECOGNISER:
        return "face recogniser other than w600k_r50", ""
    family = family_of(path.stem) or family_by_shape(header)
    return ("matting model", family) if family else ("ONNX model", "")


def family_by_shape(header: OnnxHeader) -> str | None:
    """Return rembg's session type for a model from an RGB image to one channel, None for other shapes."""
    if not header.inputs or not header.outputs or not face_models.fits(header.outputs[0], (None, 1, None, None)):
        return None
    return SIZES.get(header.inputs[0][-1]) if face_models.fits(header.inputs[0], (None, 3, None, None)) else None
