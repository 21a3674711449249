"""Gives a job one image for each light of a set: its batches, seeds and prompts."""

from __future__ import annotations

from ..base.errors import RelightError
from ..hosts.types import Host, Processing

LISTS = ("all_prompts", "all_negative_prompts", "all_hr_prompts", "all_hr_negative_prompts", "all_seeds", "all_subseeds")
"""The host's lists with an entry for each image of the job."""


def arrange(host: Host, p: Processing, count: int) -> None:
    """process: make each batch of the job into a set of `count` images with the batch's first prompt and seed.

    The batch size becomes the largest divisor of count that the user's batch size allows, since hosts sample full batches.
    """
    if len(getattr(p, "init_images", None) or []) > 1:
        raise RelightError(f"`set` makes several images of one, but img2img has {len(p.init_images)} images; give one of them, "
                           "or set `set` to 'none'.")
    size = next(size for size in range(min(p.batch_size, count), 0, -1) if count % size == 0)
    if size != min(p.batch_size, count):
        host.notify(p, f"The set has {count} images and the batch size is {p.batch_size}; {size} is used, so that every batch is "
                       "full.")
    firsts = range(0, p.n_iter * p.batch_size, p.batch_size)
    for name in LISTS:
        if values := getattr(p, name, None):
            setattr(p, name, [values[min(first, len(values) - 1)] for first in firsts for _ in range(count)])
    p.n_iter, p.batch_size = p.n_iter * count // size, size

def first_image(p: Processing) -> int:
    """Return the number in the job, from 0, of the running batch's first image."""
    return getattr(p, "iteration", 0) * p.batch_size
