"""Which job is queued, running or done, and how far it is."""

from __future__ import annotations

import base64
import io
import secrets
import time
from collections import deque
from typing import Any

from modules import shared

DONE_KEPT = 16


class Tasks:
    """The queue as the page sees it; a task's id is made by the page or by `new_id`."""

    def __init__(self) -> None:
        self.running: str | None = None
        self.waiting: list[str] = []
        self.done: deque[str] = deque(maxlen=DONE_KEPT)

    def add(self, task: str) -> None:
        """Put a task at the end of the queue."""
        self.waiting.append(task)

    def start(self, task: str) -> None:
        if task in self.waiting:
            self.waiting.remove(task)
        self.running = task

    def finish(self, task: str) -> None:
        self.running = None if self.running == task else self.running
        self.done.append(task)

    def discard(self, task: str) -> None:
        """Take a task that never started out of the queue."""
        if task in self.waiting:
            self.waiting.remove(task)


tasks = Tasks()


def new_id(tab: str) -> str:
    """Return an id for a task of the API."""
    return f"task({tab}-{secrets.token_hex(4)})"


def done_fraction(state: Any) -> float:
    """Return 0..1 over all images of the running job; 0 when their number is not known yet."""
    if state.job_count <= 0:
        return 0.0
    step = state.sampling_step / state.sampling_steps if state.sampling_steps > 0 else 0.0
    return min((state.job_no + step) / state.job_count, 1.0)


def seconds_left(state: Any, fraction: float) -> float | None:
    """Return an estimate from the time spent so far, or None before anything was done."""
    if fraction <= 0 or not state.time_start:
        return None
    return (time.time() - state.time_start) * (1 - fraction) / fraction


def preview_data_uri(state: Any, seen: int) -> tuple[str | None, int]:
    """Return (data URI, number) of the live preview; (None, seen) when there is none or the page has it already."""
    state.set_current_image()
    if state.current_image is None or state.id_live_preview == seen:
        return None, seen
    buffer = io.BytesIO()
    state.current_image.save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), state.id_live_preview


def task_progress(task: str | None, preview: int = -1, live_preview: bool = True) -> dict[str, Any]:
    """Return the page's progress answer: `progress` is 0..1 and `eta` in seconds, both None unless the task is running."""
    answer: dict[str, Any] = {
        "active": task is not None and task == tasks.running, "queued": task in tasks.waiting, "completed": task in tasks.done,
        "progress": None, "eta": None, "live_preview": None, "id_live_preview": preview, "textinfo": "Waiting..."}
    if answer["queued"]:
        answer["textinfo"] = f"In queue: {tasks.waiting.index(task) + 1}/{len(tasks.waiting)}"
    if answer["active"]:
        fraction = done_fraction(shared.state)
        answer |= {"progress": fraction, "eta": seconds_left(shared.state, fraction), "textinfo": shared.state.textinfo}
        if live_preview:
            answer["live_preview"], answer["id_live_preview"] = preview_data_uri(shared.state, preview)
    return answer
