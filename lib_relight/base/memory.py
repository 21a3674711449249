"""What is freed when a job ends."""

from __future__ import annotations

from collections.abc import Callable

at_job_end: list[Callable[[], None]] = []
"""Each frees what only a running job needs."""


def end_job() -> None:
    """Free what only a running job needs. What a job inside another one freed too early is made again when it is used."""
    for free in at_job_end:
        free()
