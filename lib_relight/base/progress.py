"""Long work in named steps: reports each step and can be stopped between two of them."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(Exception):
    """The user or the client asked for the end of the work. Not an error: nothing is reported, nothing half-done is kept."""


class Progress:
    """progress("cutting out the subject") reports the next step; raises Stopped where the end was asked for.

    show: receives the text. is_stopped: called at every step, and by work that can end in the middle, from any thread.
    """

    def __init__(self, show: Callable[[str], None] = lambda text: None, is_stopped: Callable[[], bool] = lambda: False):
        self.show, self.is_stopped = show, is_stopped

    def __call__(self, text: str) -> None:
        self.check()
        self.show(text)

    def check(self) -> None:
        """Raises Stopped where the end was asked for."""
        if self.is_stopped():
            raise Stopped


SILENT = Progress()
