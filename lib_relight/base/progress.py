"""Progress of long work in named steps, with cancellation between steps."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(Exception):
    """The user or the client cancelled the work. Not an error: nothing is reported, and partial results are discarded."""


class Progress:
    """progress("cutting out the subject") reports the next step; raises Stopped if the work was cancelled.

    show: receives the text. is_stopped: called at every step and, by work that can be interrupted, from any thread.
    """

    def __init__(self, show: Callable[[str], None] = lambda text: None, is_stopped: Callable[[], bool] = lambda: False):
        self.show, self.is_stopped = show, is_stopped

    def __call__(self, text: str) -> None:
        self.check()
        self.show(text)

    def check(self) -> None:
        """Raise Stopped if the work was cancelled."""
        if self.is_stopped():
            raise Stopped


SILENT = Progress()
