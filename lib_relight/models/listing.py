"""Lists weight files below the model folders, through links, and tells files of the same name apart."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...lib_common.weight_file import SUFFIXES, is_shard_of
from .integrity import STAGING

MAX_FOLDERS = 2000
"""Below one place; a link may lead to a whole disk."""


def list_files(places: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Return every file with a suffix among or below the places, each once, in a stable order. Linked folders are followed."""
    found: dict[Path, Path] = {}
    for place in places:
        for path in [place, *sorted(below(place))]:
            if path.suffix.lower() in suffixes and path.is_file():
                found.setdefault(path.resolve(), path)
    return list(found.values())


def below(place: Path) -> Iterator[Path]:
    """Yield the files below a folder; a folder that several links or a loop of links lead to is entered once."""
    entered = set()
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered or len(entered) == MAX_FOLDERS:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if name != STAGING)
        yield from (Path(folder, name) for name in names)


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
