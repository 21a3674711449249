"""What is freed when a job ends, and what when memory runs out."""

from __future__ import annotations

from collections.abc import Callable

from . import caches

at_job_end: list[Callable[[], None]] = []
"""Each frees what only a running job needs."""
when_short: list[Callable[[], None]] = []
"""Each frees a model that is kept for the next job; it is loaded again when it is used."""


def end_job() -> None:
    """Free what only a running job needs. What a job inside another one freed too early is made again when it is used."""
    for free in at_job_end:
        free()


def release() -> None:
    """Free what is kept for later jobs: weights, keys, images and models.

    What the last job used stays in the caches: the host holds it until the next job begins, so that another copy would be added.
    """
    end_job()
    for cache in caches.all_caches():
        cache.drop_unused()
    for free in when_short:
        free()
