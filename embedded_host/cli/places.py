"""Folders of a batch on any filesystem that pyarrow, and so Ray Data, knows: local ones, s3://, gs://, hdfs:// and others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ...lib_relight.base.errors import RelightError
from .batch import MANIFEST, READ, Manifest, parse_line

KEPT_BACK = 20
"""Lines of the manifest after which a place that cannot append is written anew."""


class Place:
    """A folder: a path of this machine, or a URI."""

    def __init__(self, text: str):
        from pyarrow import fs

        self.text, self.is_local = text, "://" not in text
        self.fs, self.root = fs.FileSystem.from_uri(Path(text).resolve().as_uri() if self.is_local else text)

    def path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Return the files below the folder, relative to it, in order."""
        from pyarrow import fs

        found = self.fs.get_file_info(fs.FileSelector(self.root, recursive=True, allow_not_found=True))
        return sorted(PurePosixPath(file.path).relative_to(self.root).as_posix() for file in found if file.is_file)

    def has(self, name: str) -> bool:
        return self.fs.get_file_info(self.path(name)).is_file

    def read(self, name: str) -> bytes:
        with self.fs.open_input_stream(self.path(name)) as file:
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        """Write a file; object stores show it when it is whole, a local one is renamed then."""
        path = self.path(name)
        self.fs.create_dir(path.rpartition("/")[0])
        unfinished = f"{path.rpartition('/')[0]}/.{path.rpartition('/')[2]}.unfinished" if self.is_local else path
        with self.fs.open_output_stream(unfinished) as file:
            file.write(data)
        if self.is_local:
            self.fs.move(unfinished, path)


class PlaceManifest(Manifest):
    """A manifest on a place that cannot append: written anew after some lines and by `finish`."""

    def __init__(self, place: Place):
        self.place, self.waiting = place, 0
        lines = place.read(MANIFEST).splitlines() if place.has(MANIFEST) else []
        self.entries = {entry["photo"]: entry for entry in map(parse_line, lines) if entry}

    def add(self, entry: Mapping) -> None:
        self.entries[entry["photo"]] = dict(entry)
        self.waiting += 1
        if self.waiting >= KEPT_BACK:
            self.finish()

    def finish(self) -> None:
        self.place.write(MANIFEST, "".join(json.dumps(entry) + "\n" for entry in self.entries.values()).encode())
        self.waiting = 0


def image_names(folder: Place, out: Place) -> list[str]:
    """Return the images below a folder but for those below `out`. Raises RelightError if there is none."""
    inner = f"{out.root.rstrip('/')}/" if type(folder.fs) is type(out.fs) else None
    names = [name for name in folder.names() if PurePosixPath(name).suffix.lower() in READ
             and not (inner and folder.path(name).startswith(inner))]
    if not names:
        raise RelightError(f"{folder.text} has no image ({', '.join(READ)}).")
    return names
