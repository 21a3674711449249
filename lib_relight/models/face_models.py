"""Finds face detectors and the face recogniser by content, and opens them with onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...lib_common.file_cache import cached_by_mtime
from ...lib_ipadapter.encode.faces import FACE_WIDTH, FaceFinder
from ...lib_ipadapter.encode.scrfd import STRIDES, WIDTHS
from ..base import memory
from ..base.caches import counters, file_identity
from ..base.errors import RelightError, is_out_of_memory
from ..base.known_files import known_files
from ..packages import optional
from .iclight_files import folder_list
from .integrity import mismatch
from .listing import list_files
from .onnx_header import OnnxHeader, Shape, read_onnx_header

DETECTOR, RECOGNISER = "face detector SCRFD", "face recogniser"
PUBLISHED_DETECTOR, PUBLISHED_RECOGNISER = "det_10g", "w600k_r50"
ARCFACE_SIDE = 112


def kind_of(header: OnnxHeader) -> str:
    """Return DETECTOR, RECOGNISER, or "" for another model. A detector needs landmarks, so nine outputs."""
    if not header.inputs or not fits(header.inputs[0], (None, 3, None, None)):
        return ""
    widths = [shape[-1] if shape else None for shape in header.outputs]
    if len(widths) == len(STRIDES) * len(WIDTHS) and all(width in (None, *WIDTHS) for width in widths):
        return DETECTOR
    is_arcface = widths == [FACE_WIDTH] and fits(header.inputs[0], (None, 3, ARCFACE_SIDE, ARCFACE_SIDE))
    return RECOGNISER if is_arcface else ""


def fits(shape: Shape, wanted: Shape) -> bool:
    """Whether a shape may be the wanted one; None on either side is any number."""
    return len(shape) == len(wanted) and all(None in (side, other) or side == other for side, other in zip(shape, wanted))


def detector_file(folders: list[Path], *, embeds: bool) -> Path:
    """Return the face detector: det_10g.onnx, else the largest SCRFD. embeds: for FaceID. Raises RelightError."""
    files = list_files(folders, (".onnx",))
    found = [path for path in files if kind_or_broken(path) == DETECTOR]
    if found:
        return min(found, key=lambda path: (path.stem != PUBLISHED_DETECTOR, -path.stat().st_size))
    require_whole(files, PUBLISHED_DETECTOR)
    where = folder_list(folders)
    raise RelightError(f"FaceID needs a face detector, such as det_10g.onnx of insightface's buffalo_l; put it into {where}, or "
                       "give the face's `embedding`." if embeds else
                       "`crop` is 'face', which needs a face detector, such as det_10g.onnx of insightface's buffalo_l; put it "
                       f"into {where}, or choose another crop.")


def recogniser_file(folders: list[Path]) -> Path:
    """Return w600k_r50, under any name. Raises RelightError, naming a recogniser that is there but another one."""
    files = list_files(folders, (".onnx",))
    others = [path for path in files if kind_or_broken(path) == RECOGNISER]
    for path in others:
        if is_published_recogniser(path):
            return path
    require_whole(files, PUBLISHED_RECOGNISER)
    where = folder_list(folders)
    raise RelightError(f"{others[0]} is a face recogniser, but not w600k_r50 of insightface's buffalo_l, on whose embeddings "
                       f"FaceID is trained; put w600k_r50.onnx into {where}, or give the face's `embedding`." if others else
                       "FaceID needs the face recogniser w600k_r50.onnx of insightface's buffalo_l, on which it is trained; put "
                       f"it into {where}, or give the face's `embedding`.")


def kind_or_broken(path: Path) -> str | None:
    """Return the file's kind, None for a damaged file."""
    try:
        return kind_of(read_onnx_header(path))
    except (OSError, ValueError):
        return None


def require_whole(files: list[Path], stem: str) -> None:
    """Raise RelightError if the published file is among these, but damaged."""
    for path in files:
        if path.stem == stem and kind_or_broken(path) is None:
            raise RelightError(f"{path} is damaged ({path.stat().st_size:,} bytes); download it again.")


@cached_by_mtime
def is_published_recogniser(path: Path) -> bool:
    """Whether the file is w600k_r50, by size and SHA-256; others of the same shapes give other embeddings."""
    known = known_files()[PUBLISHED_RECOGNISER]
    return path.stat().st_size == known.size and mismatch(known, path) is None


def face_files(folders: Iterable[Path], *, embeds: bool) -> list[Path]:
    """Return [detector], with the recogniser after it where faces are embedded. Raises RelightError for a missing one."""
    folders = list(folders)
    return [detector_file(folders, embeds=embeds), *([recogniser_file(folders)] if embeds else ())]


def face_finder(folders: Iterable[Path], crop_size: int, *, embeds: bool = True) -> FaceFinder:
    """Return the face finder of the files in the folders, see face_files."""
    sessions = [session(path, file_identity(path)) for path in face_files(folders, embeds=embeds)]
    return FaceFinder(sessions[0], sessions[1] if embeds else None, crop_size)


@lru_cache(maxsize=2)
def session(path: Path, identity: str) -> FaceSession:
    """Open a session, cached by the file's content identity."""
    counters["face_sessions"] += 1
    return FaceSession(path)


def release() -> None:
    """Free the memory of the sessions."""
    session.cache_clear()


memory.when_short.append(release)


class FaceSession:
    """An onnxruntime session without the arena, which would keep a run's memory; its errors are sentences with the path."""

    def __init__(self, path: Path):
        onnxruntime = optional.load("faceid", "onnxruntime")
        options = onnxruntime.SessionOptions()
        options.enable_cpu_mem_arena = False
        self.path = path
        try:
            self.inner = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise RelightError(f"{path} is no readable ONNX model ({type(error).__name__}); download it again.") from error

    def get_inputs(self) -> Any:
        return self.inner.get_inputs()

    def run(self, names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        try:
            return self.inner.run(names, feeds)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            shapes = ", ".join(str(list(value.shape)) for value in feeds.values())
            raise RelightError(f"{self.path} could not be run on an input of {shapes} ({type(error).__name__}); it is damaged or "
                               "another kind of model, download it again.") from error
