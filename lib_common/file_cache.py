"""Caches what is read from files until they change."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path


def cached_by_mtime(function: Callable) -> Callable:
    """Cache function(path, ...) until the file's modification time or size changes; missing files are not cached."""

    @lru_cache(maxsize=8192)
    def cached(path: Path, mtime_ns: int, size: int, *rest):
        return function(path, *rest)

    @wraps(function)
    def current(path: Path, *rest):
        try:
            stat = path.stat()
        except OSError:
            return function(path, *rest)
        return cached(path, stat.st_mtime_ns, stat.st_size, *rest)

    return current
