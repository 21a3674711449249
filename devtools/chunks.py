"""Divides the suite into pytest processes of similar length and chooses which of them starts next."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from results import Result

CHUNK_SECONDS = 300.0
"""Expected length of a chunk: short enough that the processors finish together, long against the start of a host and Chromium."""
GUESSED_SECONDS = {"browser": 20.0, "contract": 6.0, "api": 5.0, "semantic": 25.0, "embedded_host": 3.0, "training": 5.0,
                   "attack": 25.0, "command": 12.0, "faults": 20.0}
"""For a file that has not been timed yet, by its folder; 2 s elsewhere."""


@dataclass(frozen=True)
class Chunk:
    """What one process runs. env: name of the environment; paths: pytest's arguments; seconds: expected."""

    env: str
    paths: tuple[str, ...]
    seconds: float

    @property
    def room(self) -> str:
        return room_of(self.paths[0])

    @property
    def title(self) -> str:
        last = f" to {self.paths[-1]}" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{last}"


def room_of(path: str) -> str:
    """The folder below tests/ of a test file, or "" for those beside the folders."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def file_of(name: str) -> str:
    """The file of a test that a report names "tests.room.test_file[.Class]::name"."""
    words = name.partition("::")[0].split(".")
    end = next((index for index, word in enumerate(words) if word.startswith("test_")), len(words) - 1)
    return "/".join(words[:end + 1]) + ".py"


def expand(root: Path, paths: Iterable[str], skipped: Iterable[str] = ()) -> list[str]:
    """The test files below the paths, relative to root, without those in skipped rooms; node ids stay as they are."""
    found = []
    for path in paths:
        folder = root / path
        names = [file.relative_to(root).as_posix() for file in sorted(folder.rglob("test_*.py"))] if folder.is_dir() else [path]
        found += [name for name in names if room_of(name) not in set(skipped) and name not in found]
    return found


def is_left_out(path: Path, markers: Iterable[str]) -> bool:
    """Whether a test file gives all of its tests one of these markers, with `pytestmark`."""
    given = re.search(r"^pytestmark = (\[[^]]*\]|.*)", path.read_text("utf-8"), re.MULTILINE) if path.is_file() else None
    return given is not None and any(re.search(rf"\bmark\.{marker}\b", given[1]) for marker in markers)


def pack(env: str, paths: Iterable[str], seconds: Callable[[str], float], limit: float = CHUNK_SECONDS) -> Iterator[Chunk]:
    """Neighbouring files in chunks of at most `limit` expected seconds each, or of one file.

    The files of a room that fits into one chunk stay together, because its session fixtures are made once in a process.
    """
    chunk: list[str] = []
    total = 0.0
    for group in _inseparable(list(paths), seconds, limit):
        expected = sum(map(seconds, group))
        if chunk and total + expected > limit:
            yield Chunk(env, tuple(chunk), total)
            chunk, total = [], 0.0
        chunk += group
        total += expected
    if chunk:
        yield Chunk(env, tuple(chunk), total)


def _inseparable(paths: list[str], seconds: Callable[[str], float], limit: float) -> Iterator[list[str]]:
    """The files of each room that takes at most `limit` seconds; of the others one by one."""
    for _, files in itertools.groupby(paths, room_of):
        group = list(files)
        whole = sum(map(seconds, group)) <= limit
        yield from [group] if whole else [[path] for path in group]


class Durations:
    """Seconds that each test file took last time, by environment, kept in a JSON file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.seconds: dict[str, dict[str, float]] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            self.seconds = {}

    def of(self, env: str, path: str) -> float:
        """Expected seconds; a node id counts as its file."""
        file = path.partition("::")[0]
        return self.seconds.get(env, {}).get(file, GUESSED_SECONDS.get(room_of(file), 2.0))

    def save(self, results: Iterable[Result]) -> None:
        """Keeps the seconds of each file, the sum over its tests."""
        for result in results:
            sums: Counter[str] = Counter()
            for seconds, name in result.cases:
                sums[file_of(name)] += seconds
            self.seconds.setdefault(result.name, {}).update({file: round(value, 1) for file, value in sums.items()})
        self.path.write_text(json.dumps(self.seconds, indent=1, sort_keys=True), "utf-8")


class ChunkQueue:
    """Hands out the longest chunk first, but not a second one of a room that is running where another is left.

    Two browsers side by side on two processors make each other's pages late.
    """

    def __init__(self, chunks: Iterable[Chunk]):
        self.waiting = sorted(chunks, key=lambda chunk: -chunk.seconds)
        self.running: list[Chunk] = []
        self.lock = threading.Lock()

    def take(self) -> Chunk | None:
        """The next chunk to run, or None when none is left."""
        with self.lock:
            rooms = {chunk.room for chunk in self.running}
            chunk = next((chunk for chunk in self.waiting if chunk.room not in rooms), next(iter(self.waiting), None))
            if chunk is not None:
                self.waiting.remove(chunk)
                self.running.append(chunk)
            return chunk

    def done(self, chunk: Chunk) -> None:
        with self.lock:
            self.running.remove(chunk)
