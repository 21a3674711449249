"""One job at a time, in the order of arrival; and what the page shows when a job fails."""

from __future__ import annotations

import html
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modules import errors, shared

from ..lib_relight.base.errors import OUT_OF_MEMORY, is_out_of_memory
from .progress import tasks


class FifoLock:
    """A lock that serves waiting threads in the order in which they came."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    def acquire(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False

    def __enter__(self) -> FifoLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


lock = FifoLock()


@contextmanager
def running(task: str, job: str) -> Iterator[None]:
    """Wait for a task's turn, then report it as the running job until the body ends."""
    tasks.add(task)
    with lock:
        shared.state.begin(job=job)
        tasks.start(task)
        try:
            yield
        finally:
            tasks.finish(task)
            shared.state.end()


def page_job(function: Callable[..., Sequence[Any]], failed: Sequence[Any]) -> Callable[..., tuple[Any, ...]]:
    """Return a page's event handler that runs a function in its turn and shows an exception instead of raising it.

    The handler's first argument is the task's id. The function's last value is HTML; the time taken is added to it. After an
    exception the values are `failed` and the error as HTML.
    """
    def handler(task: str, *args: Any) -> tuple[Any, ...]:
        with running(task, task):
            began = time.perf_counter()
            try:
                *values, text = function(task, *args)
            except Exception as error:
                errors.report(f"The job {task} failed", exc_info=True)
                values, text = list(failed), error_html(error)
            return (*values, text + duration_html(time.perf_counter() - began))

    return handler


def error_html(error: Exception) -> str:
    """Return the page's error line: the exception's class and message, or the text for lack of memory."""
    text = OUT_OF_MEMORY if is_out_of_memory(error) else f"{type(error).__name__}: {error}"
    return f"<div class='error'>{html.escape(text)}</div>"


def duration_html(seconds: float) -> str:
    minutes = f"{int(seconds // 60)} min. " if seconds >= 60 else ""
    return ("<div class='performance'><p class='time'>Time taken: <wbr>"
            f"<span class='measurement'>{minutes}{seconds % 60:.1f} sec.</span></p></div>")
