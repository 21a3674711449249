"""Opens rembg's sessions on rembg's own models and on the user's *.onnx files."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.errors import RelightError, is_out_of_memory
from ..base.log import logger
from ..base.progress import Progress
from ..packages import optional
from . import model_table
from .inference import first_line


def cache_folder() -> Path:
    """Return the folder of rembg's downloads, by rembg's own rule; imports nothing."""
    default = os.path.join(os.getenv("XDG_DATA_HOME", "~"), ".u2net")
    return Path(os.path.expanduser(os.getenv("U2NET_HOME", default)))


def new_session(name: str, path: Path | None, folder: Path, progress: Progress):
    """Return a session for a model. path: the user's file, None for rembg's own. folder: the user's, named in messages."""
    optional.load("matting", "rembg")
    classes = {known.name(): known for known in optional.load("matting", "rembg.sessions").sessions_class}
    family = model_table.family_of(name) or family_by_input(path)
    if family not in classes:
        known = ", ".join(model for model in model_table.MODELS if model in classes)
        raise RelightError(f"The installed rembg does not know the matting model {family}; choose one of {known}.")
    return bound_session(classes[family], name, path or downloaded(name, classes[family], folder, progress), progress)


def bound_session(session_class, name: str, path: Path, progress: Progress):
    """Open a session of rembg's class on this file; rembg itself reads only its own folder.

    onnxruntime's arena is off: it would keep the memory of the largest run as long as the session lives.
    """
    options = optional.load("matting", "onnxruntime").SessionOptions()
    options.enable_cpu_mem_arena = False
    progress(f"loading the matting model {name}")
    bound = type(session_class.__name__, (session_class,), {"download_models": classmethod(lambda *a, **k: str(path))})
    try:
        return bound(name, options, model_path=str(path))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise RelightError(broken_file_message(path, error)) from error


def downloaded(name: str, session_class, folder: Path, progress: Progress) -> Path:
    """Return the file of one of rembg's models; rembg downloads it when it is missing."""
    model = model_table.MODELS[name]
    if not (optional.settings["downloads"] or (cache_folder() / f"{name}.onnx").is_file()):
        raise RelightError(f"The matting model {name} is not there, and downloads are switched off by --relight-no-download; "
                           f"save {model.url} as {folder / model.file}, or choose another model.")
    if not model.commercial:
        logger.info(f"The matting model {name} is under {model.licence}.")
    progress(f"getting the matting model {name} (about {model.megabytes} MB, downloaded once)")
    try:
        return Path(session_class.download_models())
    except Exception as error:
        logger.warning(f"The download of the matting model {name} failed: {first_line(error)}")
        raise RelightError(f"The matting model {name} could not be downloaded from {model.url} ({download_problem(error)}); go "
                           f"online and try again, or save that file as {folder / model.file}.") from error


def download_problem(error: Exception) -> str:
    """Return why a download failed, in words; requests' errors carry the response."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"the server answered {status}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "the file arrived damaged"
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no connection"


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
