"""Long work in named steps: what is being done is shown, and the work can be stopped between two of them."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(Exception):
    """Somebody asked for the end of the work. No mistake: nothing is reported, nothing half-done is kept."""


class Steps:
    """steps("cutting out the subject") says what comes next. Raises Stopped where the end has been asked for.

    show: gets the sentence. is_stopped: asked at every step, and by work that can end in the middle; any thread may call it.
    """

    def __init__(self, show: Callable[[str], None] = lambda sentence: None, is_stopped: Callable[[], bool] = lambda: False):
        self.show, self.is_stopped = show, is_stopped

    def __call__(self, sentence: str) -> None:
        self.check()
        self.show(sentence)

    def check(self) -> None:
        if self.is_stopped():
            raise Stopped


SILENT = Steps()
