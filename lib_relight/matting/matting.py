"""Computes the subject's soft matte: from the image's transparency, a mask, or a matting model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ..base import memory
from ..base.caches import ContentCache, content_hash, counters, file_identity
from ..base.errors import RelightError, is_out_of_memory
from ..base.progress import SILENT, Progress
from ..packages import optional
from ..request.images import DecodedImage, same_shape
from . import builtin, inference, model_table, rembg_sessions, u2netp
from .auto_model import auto_model

EMPTY = 0.0005
"""Share of the image below which a matte holds no subject."""
VISIBLE = 0.05
"""Largest value of a matte below which the subject is invisible."""
MAX_SESSIONS = 2

settings = {"folder": model_table.FOLDER}
mattes = ContentCache(128 * 2**20, lambda mask: mask.nbytes, group="images")
sessions: OrderedDict[str, object] = OrderedDict()
lock = threading.Lock()


def configure(folder: Path | str | None) -> None:
    """Set the folder of the user's *.onnx files. None leaves it as it is."""
    if folder:
        settings["folder"] = Path(folder).expanduser()


def builtin_folders() -> list[Path]:
    """Return the folders that may hold the built-in model's weights; new ones are kept in the first."""
    return [settings["folder"], model_table.FOLDER, rembg_sessions.cache_folder()]


def find(model: str) -> tuple[str, Path | None]:
    """Return a model's canonical name, of `auto` the one it runs, and the path of a user's file. Raises RelightError."""
    return model_table.find(auto_model(settings["folder"]) if model == "auto" else model, settings["folder"])


def can_run(model: str) -> bool:
    """Whether a matting model, or `auto`, could run without installing anything that is forbidden."""
    try:
        name, path = find(model)
    except RelightError:
        return True
    if is_builtin(name, path):
        return builtin.can_run(builtin_folders())
    return optional.settings["allowed"] or not optional.missing("matting")


def fetch_builtin() -> None:
    """Get the built-in model's weights if they are not there. Raises RelightError."""
    if not builtin.is_here(builtin_folders()):
        builtin.load(builtin_folders())


def is_builtin(name: str, path: Path | None) -> bool:
    """Whether a model runs without rembg; a file of the user's called u2netp.onnx only if it is the published one."""
    return name == builtin.NAME and (path is None or builtin.published_file(path.parent) is not None)


def choices() -> list[str]:
    """Return every value that `matting` may have: the four words, the user's files, rembg's models. Imports nothing."""
    return list(dict.fromkeys([*model_table.WORDS, *model_table.own_files(settings["folder"]),
                               *model_table.MODELS]))


def choose(matting: str, image: DecodedImage, mask: DecodedImage | None = None,
           progress: Progress = SILENT) -> np.ndarray | None:
    """Return the subject's alpha for a request: float32 [H, W] of the image's size, 0..1, or None for the whole image.

    matting: auto (the mask if one is given, else the image's transparency, else a model, see auto_model), none, alpha, mask,
    or a model's name. Raises RelightError where the requested source is missing or shows no subject.
    """
    if matting == "none":
        return None
    if matting == "mask" or (matting == "auto" and mask is not None):
        return from_mask(image, mask)
    alpha = image.alpha
    if matting == "alpha" and alpha is None:
        raise RelightError("`matting` is 'alpha', but the image has no transparency; send an RGBA image, or choose auto, "
                           "mask or none.")
    if matting == "alpha" or (matting == "auto" and alpha is not None):
        return check_visible(alpha, "The image's transparency")
    found = matte(image.flattened().to_pil(), matting, progress)
    return found if alpha is None else found * alpha


def model_used(matting: str, image: DecodedImage, mask: DecodedImage | None = None) -> str | None:
    """Return the name of the matting model that `choose` runs for the same arguments, None if it runs none."""
    if matting in ("none", "alpha", "mask") or matting == "auto" and (mask is not None or image.alpha is not None):
        return None
    return find(matting)[0]


def from_mask(image: DecodedImage, mask: DecodedImage | None) -> np.ndarray:
    """Convert a mask (white = subject, transparent = not) to alpha of the image's size: float32 [H, W], 0..1.

    What is transparent in the image is none of the subject either.
    """
    if mask is None:
        raise RelightError("`matting` is 'mask', but no mask was given; add `mask`, white where the subject is.")
    if not same_shape(mask.size, image.size):
        raise RelightError(f"`mask` is {mask.width}x{mask.height} and the image {image.width}x{image.height}: their shapes "
                           "differ, so the mask would not lie on the subject; send a mask of the image's shape.")
    grey = mask.grey().astype(np.float32) / 255
    grey = grey if mask.alpha is None else grey * mask.alpha
    if mask.size != image.size:
        grey = np.asarray(Image.fromarray(grey).resize(image.size, Image.BILINEAR))
    if image.alpha is not None:
        grey = np.minimum(grey, image.alpha)
    return check_visible(grey.clip(0, 1), "`mask`")


def matte(image: Image.Image, model: str = "auto", progress: Progress = SILENT) -> np.ndarray:
    """Run a model on an image and return its soft matte: float32 [H, W], 0..1.

    Equals rembg.remove(only_mask=True) without alpha matting or post-processing. The same pixels with the same model are
    computed once, and one model runs at a time. progress: receives the name of each slow step and may stop it.
    For lack of memory all sessions and mattes are released, so that a next run has theirs.
    """
    name, path = find(model)
    rgb = image.convert("RGB")
    identity = identity_of(name, path)
    fresh = []

    def compute() -> np.ndarray:
        fresh.append(name)
        try:
            session = session_for(name, path, identity, progress)
            predict = inference.predict_builtin if isinstance(session, u2netp.U2NetP) else inference.predict
            return predict(session, rgb, name, progress)
        except Exception as error:
            if is_out_of_memory(error):
                release()
            raise

    key = identity, content_hash(np.asarray(rgb))
    mask = mattes.get(key, partial(in_turn, key, compute, progress))
    counters["mattes" if fresh else "matte_hits"] += 1
    return check_visible(mask.astype(np.float32) / 255, name, 0.5)


def in_turn(key, compute, progress: Progress) -> np.ndarray:
    """Look the matte up again after waiting: the previous run may have been for the same image."""
    with inference.turn(progress):
        return mattes.get(key, compute)


def check_visible(alpha: np.ndarray, source: str, level: float = VISIBLE) -> np.ndarray:
    """Raise RelightError if too few pixels reach the level; glass and smoke may be faint, a model's matte may not."""
    share = float((alpha > level).mean())
    if share < EMPTY:
        raise RelightError(f"{source} shows no subject ({share:.2%} of the image); choose another matting model, give a mask "
                           "that is white on the subject, or set matting to none.")
    return alpha


def identity_of(name: str, path: Path | None) -> str:
    return name if path is None else file_identity(path)


def session_for(name: str, path: Path | None, identity: str, progress: Progress):
    """Return the session of a model, the network of the built-in one; the two used last are cached. Thread-safe."""
    with lock:
        if identity not in sessions:
            sessions[identity] = (builtin.load(builtin_folders(), progress) if is_builtin(name, path) else
                                  rembg_sessions.new_session(name, path, settings["folder"], progress))
            counters["matte_sessions"] += 1
            while len(sessions) > MAX_SESSIONS:
                sessions.popitem(last=False)
        sessions.move_to_end(identity)
        return sessions[identity]


def release() -> None:
    """Free the memory of sessions and mattes."""
    release_sessions()
    mattes.clear()


def release_sessions() -> None:
    with lock:
        sessions.clear()


memory.when_short.append(release_sessions)
