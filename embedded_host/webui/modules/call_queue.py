"""One job at a time, in the order of arrival; and what the page shows when a job fails."""

from __future__ import annotations

import html
import threading
import time
from collections import deque
from functools import wraps

from modules import errors, progress, shared


class FifoLock:
    """A lock that serves waiters in the order in which they came."""

    def __init__(self):
        self._guard = threading.Lock()
        self._held = False
        self._waiting = deque()

    def acquire(self):
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def release(self):
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_):
        self.release()


queue_lock = FifoLock()


def wrap_queued_call(func):
    @wraps(func)
    def queued(*args, **kwargs):
        with queue_lock:
            return func(*args, **kwargs)

    return queued


def wrap_gradio_gpu_call(func, extra_outputs=None):
    """A page handler as a job: waits its turn, reports progress, shows an exception instead of raising it.

    The first argument is the job's id. The last output is HTML: the error, or the text with the time taken appended.
    extra_outputs: the other outputs' values when the job fails.
    """
    @wraps(func)
    def job(id_task, *args, **kwargs):
        progress.add_task_to_queue(id_task)
        with queue_lock:
            shared.state.begin(job=id_task)
            progress.start_task(id_task)
            started = time.perf_counter()
            try:
                result = list(func(id_task, *args, **kwargs))
            except Exception as error:
                errors.report(f"Job {id_task} failed", exc_info=True)
                result = [*(extra_outputs or [None, ""]), error_html(error)]
            finally:
                progress.finish_task(id_task)
                shared.state.end()
        result[-1] += performance_html(time.perf_counter() - started)
        progress.record_results(id_task, result)
        return tuple(result)

    return job


def error_html(error):
    """The page's error line: class and sentence, as the hosts write it."""
    return f"<div class='error'>{html.escape(f'{type(error).__name__}: {error}')}</div>"


def performance_html(seconds):
    minutes = f"{int(seconds // 60)} min. " if seconds >= 60 else ""
    return ("<div class='performance'><p class='time'>Time taken: <wbr>"
            f"<span class='measurement'>{minutes}{seconds % 60:.1f} sec.</span></p></div>")
