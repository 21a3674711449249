"""The history of one panel's actions: what each has changed, so that it can be undone and redone.

javascript/relight/undo.js puts the actions in one order with the user's own changes.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

MAX_STEPS = 20


@dataclass(frozen=True)
class Restorer:
    """Takes back and repeats what is no field, such as the deletion of a preset. Both return a message."""

    undo: Callable[[], str]
    redo: Callable[[], str]


@dataclass(frozen=True)
class Step:
    """One action. Field name -> value before and after it; the values of all image fields, if it sets them."""

    before: Mapping
    after: Mapping
    images_before: tuple = ()
    images_after: tuple = ()
    restorers: tuple[Restorer, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.after or self.images_after or self.restorers)


@dataclass(frozen=True)
class History:
    """steps[:at] are done, the others undone. number: of changes of the history; pushes: of steps that were ever added."""

    steps: tuple[Step, ...] = ()
    at: int = 0
    number: int = 0
    pushes: int = 0

    def push(self, step: Step) -> History:
        """Add a step, and drop those that are undone and the oldest. One without changes only counts in `number`."""
        if not step:
            return replace(self, number=self.number + 1)
        steps = (*self.steps[:self.at], step)[-MAX_STEPS:]
        return History(steps, len(steps), self.number + 1, self.pushes + 1)

    def move(self, is_redo: bool) -> tuple[History, Step | None]:
        """Return the history after an undo or redo, and the step; None if there is none."""
        index = self.at if is_redo else self.at - 1
        if not 0 <= index < len(self.steps):
            return replace(self, number=self.number + 1), None
        return replace(self, at=index + is_redo, number=self.number + 1), self.steps[index]

    def to_html(self, names: list[str], action: str) -> str:
        """Return what undo.js and setup.js read. names: of the fields that the last action has set."""
        data = {"number": self.number, "pushes": self.pushes, "names": names, "action": action}
        return f'<span data-step="{html.escape(json.dumps(data))}"></span>'
