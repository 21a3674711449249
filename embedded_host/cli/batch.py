"""`dev.py batch`: relight every image of a folder, with a manifest that lets a stopped run go on where it was.

The manifest, OUT/manifest.jsonl, has one JSON object for each image: photo (relative path), key (hash of the image, its mask and
the options), status (done or failed), outputs (relative paths), sha256 (of the outputs), seed, seconds, error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...lib_relight.base.errors import RelightError
from .job_spec import RelightJobSpec
from .session import RelitImages, Session, save_image

READ = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MANIFEST = "manifest.jsonl"
NOT_KEYED = ("command", "photo", "folder", "out", "mask", "masks", "device", "ray", "workers")
"""Arguments that do not change an image, or whose file's content is hashed instead."""


@dataclass(frozen=True)
class Task:
    """One image: its path, its name relative to the folder, and its mask, if masks are used."""

    photo: Path
    name: str
    mask: Path | None


class Manifest:
    """The lines of earlier runs by image, and the file that this run adds to."""

    def __init__(self, out: Path):
        self.out, self.path = out, out / MANIFEST
        text = self.path.read_bytes() if self.path.is_file() else b""
        self.entries = {entry["photo"]: entry for entry in map(parse_line, text.splitlines()) if entry}
        self.line_end = b"\n" if text and not text.endswith(b"\n") else b""

    def has(self, name: str, key: str) -> bool:
        """Return whether an image is done with the same content and options, and its outputs are still there."""
        entry = self.entries.get(name, {})
        is_done = (entry.get("status"), entry.get("key")) == ("done", key)
        return is_done and all((self.out / path).is_file() for path in entry["outputs"])

    def add(self, entry: Mapping) -> None:
        """Append a line and flush it to the disk; a line that a killed run has cut short is ended first."""
        self.entries[entry["photo"]] = dict(entry)
        with self.path.open("ab") as file:
            file.write(self.line_end + json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.line_end = b""


def parse_line(line: bytes) -> dict | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "photo" in entry else None


def find_tasks(args: argparse.Namespace) -> list[Task]:
    """Return the images below the folder in order of their names. Raises RelightError if there is none."""
    out = args.out.resolve()
    photos = sorted(path for path in args.folder.rglob("*")
                    if path.suffix.lower() in READ and path.is_file() and out not in path.resolve().parents)
    if not photos:
        raise RelightError(f"{args.folder} has no image ({', '.join(READ)}).")
    names = [path.relative_to(args.folder) for path in photos]
    return [Task(path, name.as_posix(), find_mask(args.masks, name) if args.masks else None) for path, name in zip(photos, names)]


def find_mask(folder: Path, name: Path) -> Path:
    """Return the mask of an image: the same path below the masks' folder, with any suffix of an image."""
    found = [path for suffix in (name.suffix, *READ) if (path := folder / name.with_suffix(suffix)).is_file()]
    return found[0] if found else folder / name.with_suffix(".png")


def stem_of(task: Task) -> str:
    return Path(task.name).with_suffix("").as_posix()


def output_names(task: Task, is_shared: bool, count: int) -> list[str]:
    """Return the names of an image's results: its own as .png, with its suffix if others share the stem, numbered for a set."""
    stem = task.name if is_shared else stem_of(task)
    return [f"{stem}.png"] if count == 1 else [f"{stem}-{number}.png" for number in range(1, count + 1)]


def key_of(task: Task, args: argparse.Namespace) -> str:
    """Return the hash of what determines an image's result."""
    options = {name: str(value) for name, value in sorted(vars(args).items()) if name not in NOT_KEYED}
    content = hashlib.sha256(json.dumps(options).encode())
    for path in (task.photo, task.mask):
        content.update(path.read_bytes() if path and path.is_file() else b"-")
    return content.hexdigest()


@dataclass(frozen=True)
class Batch:
    """One run. spec_of: the job of one image's arguments. message_of: an error's message, None for our own bugs."""

    args: argparse.Namespace
    session: Session
    spec_of: Callable[[argparse.Namespace], RelightJobSpec]
    message_of: Callable[[Exception], str | None]

    def run(self) -> int:
        """Relight every image that is not done. Returns 0, or 1 if any image failed."""
        out = self.args.out
        out.mkdir(parents=True, exist_ok=True)
        manifest, tasks = Manifest(out), find_tasks(self.args)
        keys = {task.name: key_of(task, self.args) for task in tasks}
        stems = Counter(map(stem_of, tasks))
        waiting = [task for task in tasks if not manifest.has(task.name, keys[task.name])]
        print(f"{len(tasks)} images, {len(tasks) - len(waiting)} done before", flush=True)
        began = time.monotonic()
        for number, task in enumerate(waiting, 1):
            entry = {"photo": task.name, "key": keys[task.name], "seed": self.args.seed,
                     **self.relight(task, stems[stem_of(task)] > 1)}
            manifest.add(entry)
            print(progress_line(number, len(waiting), entry, time.monotonic() - began), flush=True)
        return print_summary(manifest, [task.name for task in tasks], out.resolve())

    def relight(self, task: Task, is_shared: bool) -> dict:
        """Relight an image and write its outputs; returns its part of the manifest's line."""
        began = time.monotonic()
        try:
            spec = self.spec_of(argparse.Namespace(**{**vars(self.args), "photo": task.photo, "mask": task.mask}))
            result = self.session.run_set(task.name, spec)
            done = {"status": "done", **write_outputs(result, self.args.out, output_names(task, is_shared, len(result.images)))}
        except Exception as error:
            if (message := self.message_of(error)) is None:
                raise
            done = {"status": "failed", "outputs": [], "error": message}
        return {**done, "seconds": round(time.monotonic() - began, 3)}


def print_summary(manifest: Manifest, names: Sequence[str], out: object) -> int:
    """Print the failed images and the count of the others. Returns 1 if any failed, else 0."""
    failed = [entry for name in names if (entry := manifest.entries[name])["status"] == "failed"]
    for entry in failed:
        print(f"failed: {entry['photo']}: {entry['error']}")
    print(f"{len(names) - len(failed)} of {len(names)} images are in {out}")
    return 1 if failed else 0


def progress_line(number: int, count: int, entry: Mapping, seconds: float) -> str:
    """Return an image's line: its number, its state, the rate of the run and the time left."""
    rate = number / max(seconds, 1e-6)
    return (f"{number}/{count} {entry['photo']}: {entry['status']}, {entry['seconds']:.1f} s; {60 * rate:.1f} a minute, "
            f"{(count - number) / rate:.0f} s left")


def write_outputs(result: RelitImages, out: Path, names: Sequence[str]) -> dict:
    """Write the images, each under another name first, so that no half file has an output's name."""
    hashes = []
    for name, image, text in zip(names, result.images, result.infotexts, strict=True):
        path = out / name
        unfinished = path.with_name(f".{path.name}.unfinished.png")
        save_image(image, unfinished, text)
        hashes.append(hashlib.sha256(unfinished.read_bytes()).hexdigest())
        os.replace(unfinished, path)
    return {"outputs": list(names), "sha256": hashes}
