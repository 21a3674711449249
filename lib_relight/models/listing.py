"""Lists weight files below the model folders, through links, and tells files of the same name apart."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...lib_common.weight_file import SUFFIXES, is_shard_of
from .integrity import STAGING

MAX_FOLDERS = 2000
"""Below one place; a link may lead to a whole disk."""
SETTLED_NS = 2 * 10**9
"""A folder changed within this time is not cached: it may change again without another modification time."""
MAX_AGE_SECONDS = 60
"""Some file systems, exFAT among them, do not change a folder's modification time when a file is added."""


@dataclass(frozen=True)
class FolderContent:
    """changed: the folder's modification time, ns.  read: when, on the monotonic clock.  real: its path without links.
    files: (name, real path)."""

    changed: int
    read: float
    real: str
    folders: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


contents: dict[str, FolderContent] = {}
"""Folder -> what it held when it was last read."""


def list_files(places: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Return every file with a suffix among or below the places, each once, in a stable order. Linked folders are followed."""
    found: dict[str, Path] = {}
    for place in places:
        alone = [(place, os.path.realpath(place))] if place.is_file() else []
        for path, real in alone or sorted(below(place)):
            if path.suffix.lower() in suffixes:
                found.setdefault(real, path)
    return list(found.values())


def below(place: Path) -> Iterator[tuple[Path, str]]:
    """Yield (path, real path) of the files below a folder; a folder that several links or a loop lead to is entered once."""
    waiting, entered = [str(place)], set()
    while waiting and len(entered) < MAX_FOLDERS:
        folder = waiting.pop(0)
        content = content_of(folder)
        if content is None or content.real in entered:
            continue
        entered.add(content.real)
        waiting += [os.path.join(folder, name) for name in content.folders if name != STAGING]
        yield from ((Path(folder, name), real) for name, real in content.files)


def content_of(folder: str) -> FolderContent | None:
    """Return a folder's content, read again when its modification time changes or after a minute; None for what is no folder."""
    try:
        changed = os.stat(folder).st_mtime_ns
        content = contents.get(folder)
        if content is None or content.changed != changed or time.monotonic() - content.read > MAX_AGE_SECONDS:
            content = read_folder(folder, changed)
            if time.time_ns() - changed > SETTLED_NS:
                contents[folder] = content
    except OSError:
        return None
    return content


def read_folder(folder: str, changed: int) -> FolderContent:
    """Read the names in a folder. Raises OSError."""
    real, folders, files = os.path.realpath(folder), [], []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.is_file():
                files.append((entry.name, os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)))
    return FolderContent(changed, time.monotonic(), real, tuple(folders), tuple(files))


def refresh() -> None:
    """Read every folder anew at the next listing."""
    contents.clear()


def spellings(path: Path) -> Iterator[str]:
    """Yield the names that a request may call a file by: stem and name, then both with ever more of its folders."""
    for depth in range(len(path.parts)):
        folder = "".join(f"{part}/" for part in path.parts[-1 - depth:-1])
        yield folder + path.stem
        yield folder + path.name


def labels(files: Iterable[Path], taken: Iterable[str] = ()) -> list[str]:
    """Return for each file the shortest name that finds it; of two with the same name the second has its folder before it."""
    known, chosen = set(taken), []
    for path in files:
        names = list(spellings(path))
        chosen.append(next((name for name in names if name not in known), str(path)))
        known.update(names)
    return chosen


def find(name: str, files: Iterable[Path]) -> Path | None:
    """Return the first file with this name, stem, or end of its path. Without one, a part of a split model with this name."""
    files = list(files)
    found = next((path for path in files if name in spellings(path)), None)
    return found or next((path for path in files if is_shard_of(path.name, name)), None)
