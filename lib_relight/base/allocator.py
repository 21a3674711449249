"""glibc's allocator during sampling on a CPU: large buffers are used again instead of being mapped anew in every layer.

oneDNN copies the weights of a convolution into a layout of its own at every call, 1.9 GB a step for SD 1.5 in float32. glibc maps
a block of that size anew each time, and the kernel clears its pages: about a third of a step at 128 px, less at larger sizes.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Parameters of mallopt(3)."""
DURING = {MMAP_MAX: 0, TRIM_THRESHOLD: 512 * 2**20}
AFTER = {MMAP_MAX: 65536, TRIM_THRESHOLD: 64 * 2**20, MMAP_THRESHOLD: 32 * 2**20}
"""glibc's defaults once a block of 32 MB has been freed: until then its thresholds grow with the blocks."""
USER_SETTINGS = "MALLOC_", "GLIBC_TUNABLES"
merged = threading.Event()
"""Set from a job with merged weights until they have been given back: hosts free them when the next plain job starts."""


@functools.cache
def glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc and the user has not set its allocator."""
    if sys.platform != "linux" or any(name.startswith(USER_SETTINGS) for name in os.environ):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        library.gnu_get_libc_version, library.mallopt  # noqa: B018
    except (OSError, AttributeError):
        return None
    return library


@contextmanager
def reused_buffers(device: torch.device) -> Iterator[None]:
    """Have freed memory stay in the heap inside the block, and go back to the system after it. Does nothing on a GPU."""
    library = glibc() if device.type == "cpu" else None
    if library is None:
        yield
        return
    try:
        set_parameters(library, DURING)
        yield
    finally:
        set_parameters(library, AFTER)
        library.malloc_trim(0)
        merged.set()


def give_back() -> None:
    """Give the freed memory of merged weights back to the system, once: in the heap it would stay with the process."""
    if merged.is_set() and (library := glibc()) is not None:
        merged.clear()
        library.malloc_trim(0)


def set_parameters(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        library.mallopt(parameter, value)
