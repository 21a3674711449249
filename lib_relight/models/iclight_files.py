"""Finds IC-Light weight files in the host's folders and recognises them by content, not by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...lib_common.errors import UserError
from ...lib_common.file_cache import cached_by_mtime
from ...lib_iclight import weights
from ...lib_iclight.params import MODELS
from ..base.errors import RelightError
from ..base.known_files import known_files
from .listing import find, labels, list_files

KINDS = ("fc", "fcon", "fbc")


def inspect(path: Path) -> weights.FileInfo:
    """Inspect a weight file; cached until the file changes. Raises UserError with the file's message."""
    result = info_or_message(path)
    if isinstance(result, str):
        raise UserError(result)
    return result


@cached_by_mtime
def info_or_message(path: Path) -> weights.FileInfo | str:
    try:
        return weights.inspect_file(path)
    except UserError as error:
        return str(error)


def choices(folders: Iterable[Path]) -> list[str]:
    """Return the entries of the panel's model list: the kinds, then the name of every IC-Light file."""
    files = list_files(folders)
    return [*MODELS, *(label for path, label in zip(files, labels(files, MODELS)) if not isinstance(info_or_message(path), str))]


def resolve(model: str, has_background: bool, folders: Iterable[Path]) -> tuple[Path, weights.FileInfo]:
    """Return the weight file for the request's `model`: a kind, auto, or a file's name, stem or end of its path.

    Raises RelightError if there is none, with the folders to put it in and the error of a file that looks intended.
    """
    folders = list(folders)
    files = list_files(folders)
    if model == "auto":
        model = "fbc" if has_background else "fc"
    if model not in KINDS:
        return resolve_name(model, files, folders)
    broken = []
    for path in files:
        try:
            info = inspect(path)
        except UserError as error:
            broken.append((path, str(error)))
            continue
        if info.kind == model:
            return path, info
    raise RelightError(missing_model_message(model, folders, broken))


def resolve_name(name: str, files: list[Path], folders: list[Path]) -> tuple[Path, weights.FileInfo]:
    path = find(name, files)
    if path is not None:
        return path, inspect(path)
    raise RelightError(f"`model` is {name!r}, but no such file is in {folder_list(folders)}; put it there, or choose one "
                       f"of {', '.join(choices(folders))}.")


def missing_model_message(kind: str, folders: list[Path], broken: list[tuple[Path, str]]) -> str:
    """Return the message for a missing kind. The error of a broken file with IC-Light's name is quoted."""
    for path, reason in broken:
        if "ic" in path.stem.lower() and "light" in path.stem.lower() or path.stem.lower() in KINDS:
            return f"No usable IC-Light {kind} model: {reason}"
    return (f"No IC-Light {kind} model was found; put iclight_sd15_{kind}.safetensors (any name will do) from "
            f"{known_files()[f'iclight_sd15_{kind}'].source} into {folder_list(folders)}, then generate again.")


def folder_list(folders: list[Path]) -> str:
    return " or ".join(str(folder) for folder in folders[:2])
