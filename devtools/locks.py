"""A lock between processes that the system releases when its holder ends, however that happens."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if os.name == "nt":
    import msvcrt
else:
    import fcntl


def acquire(file: IO) -> bool:
    """Locks an open file without waiting; returns whether that succeeded."""
    try:
        if os.name == "nt":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path, poll: float = 1.0) -> Iterator[None]:
    """Holds the lock on a file, whose content does not matter; waits while a living process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        told = False
        while not acquire(file):
            if not told:
                print(f"waiting for another dev.py to finish its installation ({path.name})", flush=True)
                told = True
            time.sleep(poll)
        yield
