"""Computes the subject's soft matte: from the image's transparency, a mask, or a matting model run by rembg."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ..base import settings as user_settings
from ..base.caches import ContentCache, content_hash, counters, file_identity
from ..base.errors import RelightError
from ..base.log import logger
from ..base.progress import SILENT, Progress
from ..packages import optional
from ..request.images import DecodedImage
from . import model_table
from .inference import first_line, predict, turn

EMPTY = 0.0005
"""Share of the image below which a matte holds no subject."""
ASPECT_TOLERANCE = 0.02
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


def default_model() -> str:
    """Return the model that `auto` uses, the user's setting."""
    return user_settings.get("relight_matting")


def choices() -> list[str]:
    """Return every value that `matting` may have: the four words, the user's files, rembg's models. Imports nothing."""
    return list(dict.fromkeys([*model_table.WORDS, *model_table.own_files(settings["folder"]),
                               *model_table.MODELS]))


def licence(model: str) -> str:
    """Return the licence of a model's weights; that of a user's own file is not known here."""
    known = model_table.MODELS.get(model.lower())
    return known.licence if known else "the licence that came with the file"


def choose(matting: str, image: DecodedImage, mask: DecodedImage | None = None,
           progress: Progress = SILENT) -> np.ndarray | None:
    """Return the subject's alpha for a request: float32 [H, W] of the image's size, 0..1, or None for the whole image.

    matting: auto (the mask if one is given, else the image's transparency, else the default model), none, alpha, mask,
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
    return model_table.find(default_model() if matting == "auto" else matting, settings["folder"])[0]


def from_mask(image: DecodedImage, mask: DecodedImage | None) -> np.ndarray:
    """Convert a mask (white = subject, transparent = not) to alpha of the image's size: float32 [H, W], 0..1."""
    if mask is None:
        raise RelightError("`matting` is 'mask', but no mask was given; add `mask`, white where the subject is.")
    stretch = (mask.width / mask.height) / (image.width / image.height)
    if max(stretch, 1 / stretch) > 1 + ASPECT_TOLERANCE:
        raise RelightError(f"`mask` is {mask.width}x{mask.height} and the image {image.width}x{image.height}: their shapes "
                           "differ, so the mask would not lie on the subject; send a mask of the image's shape.")
    grey = mask.grey().astype(np.float32) / 255
    grey = grey if mask.alpha is None else grey * mask.alpha
    if mask.size != image.size:
        grey = np.asarray(Image.fromarray(grey).resize(image.size, Image.BILINEAR))
    return check_visible(grey.clip(0, 1), "`mask`")


def matte(image: Image.Image, model: str = "auto", progress: Progress = SILENT) -> np.ndarray:
    """Run a model on an image and return its soft matte: float32 [H, W], 0..1. "auto" is the default model.

    Equals rembg.remove(only_mask=True) without alpha matting or post-processing. The same pixels with the same model are
    computed once, and one model runs at a time. progress: receives the name of each slow step and may stop it.
    """
    name, path = model_table.find(default_model() if model == "auto" else model, settings["folder"])
    rgb = image.convert("RGB")
    identity = identity_of(name, path)
    fresh = []

    def compute() -> np.ndarray:
        fresh.append(name)
        return predict(session_for(name, path, identity, progress), rgb, name, progress)

    key = identity, content_hash(np.asarray(rgb))
    mask = mattes.get(key, partial(in_turn, key, compute, progress))
    counters["mattes" if fresh else "matte_hits"] += 1
    return check_visible(mask.astype(np.float32) / 255, name, 0.5)


def in_turn(key, compute, progress: Progress) -> np.ndarray:
    """Look the matte up again after waiting: the previous run may have been for the same image."""
    with turn(progress):
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
    """Return the rembg session of a model; the two used last are cached. Thread-safe."""
    with lock:
        if identity not in sessions:
            sessions[identity] = new_session(name, path, progress)
            counters["matte_sessions"] += 1
            while len(sessions) > MAX_SESSIONS:
                sessions.popitem(last=False)
        sessions.move_to_end(identity)
        return sessions[identity]


def release() -> None:
    """Free the memory of sessions and mattes."""
    with lock:
        sessions.clear()
    mattes.clear()


def new_session(name: str, path: Path | None, progress: Progress):
    optional.load("matting", "rembg")
    classes = {known.name(): known for known in optional.load("matting", "rembg.sessions").sessions_class}
    family = model_table.family_of(name) or family_by_input(path)
    if family not in classes:
        known = ", ".join(model for model in model_table.MODELS if model in classes)
        raise RelightError(f"The installed rembg does not know the matting model {family}; choose one of {known}.")
    return bound_session(classes[family], name, path or downloaded(name, classes[family], progress), progress)


def bound_session(session_class, name: str, path: Path, progress: Progress):
    """Open a session of rembg's class on this file; rembg itself reads only its own folder."""
    onnxruntime = optional.load("matting", "onnxruntime")
    progress(f"loading the matting model {name}")
    bound = type(session_class.__name__, (session_class,), {"download_models": classmethod(lambda *a, **k: str(path))})
    try:
        return bound(name, onnxruntime.SessionOptions(), model_path=str(path))
    except Exception as error:
        raise RelightError(broken_file_message(path, error)) from error


def downloaded(name: str, session_class, progress: Progress) -> Path:
    """Return the file of one of rembg's models; rembg downloads it when it is missing."""
    model = model_table.MODELS[name]
    if not model.commercial:
        logger.info(f"The matting model {name} is under {model.licence}.")
    progress(f"getting the matting model {name} (about {model.megabytes} MB, downloaded once)")
    try:
        return Path(session_class.download_models())
    except Exception as error:
        raise RelightError(f"The matting model {name} could not be downloaded ({first_line(error)}); go online and try again, or "
                           f"save {model_table.RELEASE}{model.file or name + '.onnx'} as "
                           f"{settings['folder'] / (name + '.onnx')}.") from error


def family_by_input(path: Path) -> str:
    """Return rembg's session type for a file of unknown name by its input shape [1, 3, side, side]."""
    shape = input_shape(path)
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        raise RelightError(f"{path.name} is an ONNX model with an input of shape {shape}, not a matting model, which takes "
                           "[1, 3, height, width]; choose another file.")
    family = model_table.SIZES.get(shape[2] if isinstance(shape[2], int) else None)
    if family is None:
        raise RelightError(f"{path.name} takes images of {shape[2]} pixels a side; matting models of the U2-Net family take "
                           "320, those of the IS-Net family 1024; choose another file.")
    return family


def input_shape(path: Path) -> list:
    """Return the first input's shape, with names for free sizes. The graph is not optimised, so opening is quick."""
    onnxruntime = optional.load("matting", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).get_inputs()[0].shape
    except Exception as error:
        raise RelightError(broken_file_message(path, error)) from error


def broken_file_message(path: Path, error: Exception) -> str:
    return (f"{path} ({path.stat().st_size if path.exists() else 0} bytes) is no readable ONNX model ({first_line(error)}); "
            "delete it and download it again.")
