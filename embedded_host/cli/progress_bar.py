"""A bar on the terminal that follows the host's own progress."""

from __future__ import annotations

import sys
import threading
import time

WIDTH = 24
EVERY_SECONDS = 0.1


def share_done(state) -> float:
    """0..1 of the running job, from the host's `shared.state`."""
    jobs = max(state.job_count, 1)
    steps = state.sampling_step / state.sampling_steps if state.sampling_steps else 0.0
    return min((state.job_no + min(steps, 1.0)) / jobs, 1.0)


def draw(title: str, share: float, seconds: float) -> str:
    filled = round(share * WIDTH)
    return f"{title:<22} [{'#' * filled}{'.' * (WIDTH - filled)}] {100 * share:3.0f} %  {seconds:6.1f} s"


class ProgressBar:
    """`with ProgressBar("left", state): …`; a line that is redrawn on a terminal, one line at the end elsewhere."""

    def __init__(self, title, state, stream=None):
        self.title, self.state = title, state
        self.stream = stream or sys.stderr
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.seconds = 0.0

    def _follow(self):
        while not self.done.wait(EVERY_SECONDS):
            self._write("\r" + draw(self.title, share_done(self.state), time.monotonic() - self.began))

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()

    def __enter__(self):
        self.began = time.monotonic()
        if self.stream.isatty():
            self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.seconds = time.monotonic() - self.began
        self.done.set()
        if self.thread.is_alive():
            self.thread.join()
        start = "\r" if self.stream.isatty() else ""
        if error is None:
            self._write(start + draw(self.title, 1.0, self.seconds) + "\n")
        elif start:
            self._write("\n")
