"""Least-recently-used caches keyed by content, and counters of cache misses and hits."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

counters: Counter[str] = Counter()
"""weight_reads, encodes, mattes, adapter_reads, encoder_reads, bytes_read, image_prompts, keys since the process started."""


def count_read(name: str, path: Path) -> None:
    """Count a model file that is read, and its bytes."""
    counters[name] += 1
    counters["bytes_read"] += path.stat().st_size


def content_hash(*arrays: np.ndarray | None, digits: int = 32) -> str:
    """Return a hex digest over shape, dtype and bytes of each array; None has a digest of its own."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:digits]


def file_identity(path: Path) -> str:
    """Return a key for a file's content: path, modification time and size. Raises OSError if there is no such file."""
    stat = path.stat()
    return f"{path.resolve()}|{stat.st_mtime_ns}|{stat.st_size}"


groups: dict[str, list[ContentCache]] = {}
"""Name -> the caches that share one size setting: weights, images."""


class ContentCache:
    """Caches values up to max_bytes in total and drops the least recently used; a larger value is not cached.

    size_of(value) gives bytes. tensors_of(value) gives the tensors that must be finite for the value to be cached, so that one
    overflow does not affect later jobs. group: name of the caches that share one size setting, see resize. Thread-safe; a value
    may be computed twice when two threads miss at once. used: the keys that were asked for since the last job began.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[object], int],
                 tensors_of: Callable[[object], Iterable[Tensor]] = lambda value: (), group: str | None = None):
        self.max_bytes = self.default_bytes = max_bytes
        if group is not None:
            groups.setdefault(group, []).append(self)
        self.size_of, self.tensors_of = size_of, tensors_of
        self.entries: OrderedDict[Hashable, object] = OrderedDict()
        self.used: set[Hashable] = set()
        self.lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], object]):
        with self.lock:
            if key in self.entries:
                self.entries.move_to_end(key)
                self.used.add(key)
                return self.entries[key]
        value = compute()
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors_of(value)):
            return value
        if self.size_of(value) > self.max_bytes:
            return value
        with self.lock:
            self.entries[key] = value
            self.entries.move_to_end(key)
            self.used.add(key)
            while sum(map(self.size_of, self.entries.values())) > self.max_bytes:
                self.used.discard(self.entries.popitem(last=False)[0])
        return value

    def clear(self) -> None:
        with self.lock:
            self.entries.clear()
            self.used.clear()

    def drop_unused(self) -> None:
        """Drop what the last job did not use."""
        with self.lock:
            for key in self.entries.keys() - self.used:
                del self.entries[key]


model_files = ContentCache(4 * 2**30, lambda entry: entry.size_in_bytes, group="weights")
"""IC-Light offsets and IP-Adapter files: they share one size, since a job needs all of one kind or some of both."""


def all_caches() -> list[ContentCache]:
    return [cache for caches in groups.values() for cache in caches]


def begin_job() -> None:
    """Forget what the job before used."""
    for cache in all_caches():
        with cache.lock:
            cache.used.clear()


def resize(group: str, max_bytes: int) -> None:
    """Share max_bytes among a group's caches in the proportion of their defaults."""
    caches = groups.get(group, [])
    for cache in caches:
        cache.max_bytes = max_bytes * cache.default_bytes // sum(other.default_bytes for other in caches)


def tensor_bytes(value) -> int:
    """Return the bytes of a tensor, or of all tensors in a dict."""
    if isinstance(value, dict):
        return sum(tensor_bytes(tensor) for tensor in value.values())
    return value.numel() * value.element_size()
