"""States of the known files: present, missing or downloading; starts and cancels downloads."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from ...lib_common.errors import UserError
from ...lib_common.fields import short_repr
from ...lib_common.weight_file import SUFFIXES
from ..base.errors import RelightError
from ..base.known_files import KnownFile, known_files
from ..hosts.flags import may_download
from ..matting import matting
from .background import downloads
from .download import discard as discard_part, part_of, size_of
from .folders import model_folders
from .inspection import ONNX, recognised_now
from .listing import list_files, refresh

FOLDER_KINDS = {"IC-Light": "iclight", "IP-Adapter": "ipadapter", "negative tokens": "ipadapter", "image encoder": "clip_vision",
                "face model": "faces"}
"""Kind of a known file -> kind of folder; matting models have folders of their own."""
SAME_CONTENT = {"IC-Light fc": "iclight_sd15_fc", "IC-Light fcon": "iclight_sd15_fcon", "IC-Light fbc": "iclight_sd15_fbc",
                "image encoder CLIP ViT-H": "CLIP-ViT-H-14", "image encoder CLIP ViT-bigG": "CLIP-ViT-bigG-14"}
"""What a file is by its content -> the known file that it replaces, whatever its name, precision and layout."""


def folders_for(kind: str) -> list[Path]:
    """Return the folders for a kind of known file."""
    return matting.builtin_folders() if kind not in FOLDER_KINDS else model_folders(FOLDER_KINDS[kind])


def download_folder(kind: str) -> Path:
    """Return the first folder for a kind of known file that can be written to, or the first one."""
    folders = folders_for(kind)
    return next((folder for folder in folders if is_writable(folder)), folders[0])


def is_writable(folder: Path) -> bool:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)


def located(present: Iterable[Path]) -> dict[str, Path]:
    """Return known name -> file for those of the present files that are known ones, by file name or else by size."""
    names = {file.file: name for name, file in known_files().items()}
    sizes: dict[int, list[str]] = {}
    for name, file in known_files().items():
        sizes.setdefault(file.size or -1, []).append(name)
    found: dict[str, Path] = {}
    for path in present:
        name = names.get(path.name) or most_alike(path.stem, sizes.get(size_of(path), []))
        if name:
            found.setdefault(name, path)
    return found


def most_alike(stem: str, names: list[str]) -> str | None:
    """Return the name nearest to a file's, since several known files have the same size."""
    return next(iter(difflib.get_close_matches(stem, names, 1, 0)), None)


def models() -> dict:
    """Return {"models": a row for each known file, see row, "downloads": whether they are allowed}; every folder is read anew."""
    refresh()
    kinds = dict.fromkeys(file.kind for file in known_files().values())
    found, folders = {kind: find(kind) for kind in kinds}, {kind: download_folder(kind) for kind in kinds}
    rows = [row(file, found[file.kind].get(file.name), folders[file.kind]) for file in known_files().values()]
    return {"models": rows, "downloads": may_download()}


def find(kind: str) -> dict[str, Path]:
    """Return known name -> file in the folders for a kind, by name, by size, or by content where that serves as well."""
    present = list_files(folders_for(kind), (*SUFFIXES, ONNX))
    found = located(present)
    for path in present:
        if path not in found.values() and (name := SAME_CONTENT.get(content(path))):
            found.setdefault(name, path)
    return found


def content(path: Path) -> str:
    """Return what a file is, "" for a damaged one."""
    try:
        return recognised_now(path)[0]
    except (UserError, ValueError, OSError):
        return ""


def model(name: str) -> dict:
    """Return the row of one known file; while it is downloaded, no folder is searched."""
    file = known(name)
    found = {} if downloads.get(file.name) is not None else find(file.kind)
    return row(file, found.get(file.name), download_folder(file.kind))


def known(name: str) -> KnownFile:
    """Return a known file by its name or file name. Raises RelightError (404) with the nearest names."""
    for file in known_files().values():
        if name.lower() in (file.name.lower(), file.file.lower()):
            return file
    near = difflib.get_close_matches(name, known_files(), 3, 0.3)
    raise RelightError(f"There is no known model file {short_repr(name)}; did you mean {' or '.join(near) or 'another one'}? All "
                       "are in models/README.md.", 404)


def row(file: KnownFile, path: Path | None, folder: Path) -> dict:
    """Return what is known of a file, the folder for its download, and its state.

    state: there (path), downloading (done, total), failed (message) or missing (done: bytes of an unfinished download; message:
    of a damaged file of this name).
    """
    current, message = downloads.get(file.name), ""
    if path is not None and (message := damage(path)):
        path = None
    state = "missing" if path is None else "there"
    done, total = 0, file.expected_bytes
    if current is not None:
        state, message = ("failed", current.message) if current.message else ("downloading", "")
        done, total = current.done, current.total
    elif path is None:
        done = size_of(part_of(file, folder))
    return {"name": file.name, "title": file.file, "kind": file.kind, "base": file.base, "needed_for": file.purpose,
            "needs": list(file.needs), "size": file.size, "licence": file.licence, "non_commercial": not file.commercial,
            "source": file.source, "state": state, "path": None if path is None else str(path),
            "folder": str(folder), "done": done, "total": total, "message": message}


def damage(path: Path) -> str:
    """Return the sentence about a damaged file, "" for a readable one."""
    try:
        recognised_now(path)
    except (UserError, ValueError, OSError) as error:
        return f"{path} is damaged: {error}"
    return ""


def get(name: str, accept_licence: bool) -> dict:
    """Begin or resume the download of a known file that is missing, and return its row. Raises RelightError (403, 404, 422)."""
    file = known(name)
    if not may_download():
        raise RelightError("Downloads are switched off by --relight-no-download; start the WebUI without it, or save the file "
                           f"from {file.source} yourself.", 403)
    if not (file.commercial or accept_licence):
        raise RelightError(f"{file.file} is {file.licence}; read {file.source} and send `accept_licence` as true.")
    if model(name)["state"] != "there":
        downloads.start(file, download_folder(file.kind))
    return model(name)


def cancel(name: str) -> dict:
    """Cancel a download and return the file's row. The partial file is kept, and the next get resumes it."""
    downloads.cancel(known(name).name)
    return model(name)


def discard(name: str) -> dict:
    """Cancel a download, delete its partial file and return the file's row. Raises RelightError (409), see download.discard."""
    file = known(name)
    downloads.cancel(file.name)
    discard_part(file, download_folder(file.kind))
    return model(name)
