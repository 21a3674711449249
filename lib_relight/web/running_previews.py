"""Runs previews: at most two at a time, cancelled by their client or by a newer one of the same page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..base.progress import Progress, Stopped

AT_ONCE = 2
"""A preview of 4096 x 4096 pixels needs some 300 MB."""
POLL_SECONDS = 0.1

lock = threading.Lock()
slots = threading.BoundedSemaphore(AT_ONCE)
running: dict[threading.Event, str] = {}
"""Stop event of each preview that runs or waits -> the id given by its client; REPLACED if a newer one has the same id."""
REPLACED = "\0replaced"
KEPT_NAMES = 100
cancelled: dict[str, int] = {}
"""Page's id -> the last number of its previews that was cancelled; a cancellation may arrive before its preview."""


class Replaced(Stopped):
    """A newer preview of the same page has taken this one's place."""


@contextmanager
def turn(name: str, stop: threading.Event | None = None, number: int = 0) -> Iterator[Progress]:
    """Wait for a slot and hold it. Yields the preview's Progress, which raises Stopped once it is cancelled.

    name: the client's or page's id; others of the same name are cancelled. "" is nobody's. stop: set when the client has gone.
    number: which of the page's previews this is, counted from 1; 0 where the client does not count.
    Raises Replaced instead of Stopped where the cause was a newer preview.
    """
    stop = stop or threading.Event()
    with lock:
        if name:
            replace(name)
        running[stop] = name
        if 0 < number <= cancelled.get(name, 0):
            stop.set()
    progress = Progress(is_stopped=stop.is_set)
    try:
        with slot(progress):
            yield progress
    except Stopped as error:
        if running[stop] == REPLACED:
            raise Replaced from error
        raise
    finally:
        with lock:
            del running[stop]


@contextmanager
def slot(progress: Progress) -> Iterator[None]:
    progress.check()
    while not slots.acquire(timeout=POLL_SECONDS):
        progress.check()
    try:
        progress.check()
        yield
    finally:
        slots.release()


def replace(name: str) -> None:
    """Cancel the previews of a name. Call it with the lock held."""
    for event, other in running.items():
        if other == name:
            running[event] = REPLACED
            event.set()


def cancel(name: str | None, number: int = 0) -> int:
    """Cancel the previews of a name, or all for None; they end at their next step. Returns how many.

    number: of a page that counts its previews, the last one; it is cancelled as well if it arrives later.
    """
    with lock:
        chosen = [event for event, other in running.items() if name is None or other == name]
        if name and number:
            cancelled[name] = max(number, cancelled.pop(name, 0))
            while len(cancelled) > KEPT_NAMES:
                del cancelled[next(iter(cancelled))]
    for event in chosen:
        event.set()
    return len(chosen)
