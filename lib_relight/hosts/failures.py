"""Fails or ends a job early on each host, so that no plain image is returned as a relit one."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import torch
from fastapi import HTTPException

from ..base import memory
from ..base.allocator import reused_buffers
from ..base.errors import INSUFFICIENT_STORAGE, OUT_OF_MEMORY, RelightError, is_out_of_memory, status_of
from ..base.log import logger
from .state import state_of
from .types import Processing

endings = itertools.cycle(("", " "))


class ApiError(RelightError, HTTPException):
    """A RelightError that the hosts' API answers with its status and detail, and without a traceback."""

    def __init__(self, message: str, status_code: int):
        HTTPException.__init__(self, status_code=status_code, detail=message)

    def __str__(self) -> str:
        return self.detail


def stop_job(p: Processing, error: Exception, message: str, during_sampling: bool) -> None:
    """Make the job itself fail: hosts swallow what a hook raises and would go on to make a plain image.

    API: `p.sample` raises an error that becomes the HTTP answer. Page, before sampling: the job is interrupted with the
    message under the (empty) result; during sampling the sampler raises, since an interrupt there keeps an image.
    Where the page loses exceptions (reForge, Classic, old Forge), it is interrupted all the same and the image discarded.
    """
    status = status_of(error)

    def fail(*args, **kwargs):
        raise job_error(p, message, status)

    if during_sampling and not p.is_api and page_loses_exceptions():
        interrupt(p, message)
        keep_images(p, 0)
    elif during_sampling:
        p.sampler.sample = p.sampler.sample_img2img = fail
    elif p.is_api:
        state_of(p).raises = fail
        p.init = p.sample = fail
    else:
        interrupt(p, message)
        state_of(p).rejected = True
    logger.error(message)


def job_error(p: Processing, message: str, status: int) -> RelightError:
    """Return what to raise inside p's job."""
    return ApiError(message, status) if p.is_api else RelightError(message, status)


def guard_sampler(p: Processing, device: torch.device, clean_up: Callable[[], None] = lambda: None) -> None:
    """Have p's sampler reuse its buffers, and fail with Relight's message where the host has no memory to merge or to sample.

    The host merges when the sampler starts, outside of our hooks. clean_up: called after such an error, before it is raised.
    """
    state, sampler = state_of(p), p.sampler
    if state.guarded is not sampler:
        state.guarded = sampler
        for name in ("sample", "sample_img2img"):
            setattr(sampler, name, guarded(p, getattr(sampler, name), device, clean_up))


def guarded(p: Processing, run: Callable, device: torch.device, clean_up: Callable[[], None]) -> Callable:
    @functools.wraps(run)
    def sample(*args, **kwargs):
        try:
            with reused_buffers(device):
                return run(*args, **kwargs)
        except Exception as error:
            memory.end_job()
            if not is_out_of_memory(error):
                raise
        state_of(p).job = None
        clean_up()
        memory.release()
        raise job_error(p, OUT_OF_MEMORY, INSUFFICIENT_STORAGE)  # outside of except: a traceback would keep the tensors

    return sample


def interrupt(p: Processing, message: str) -> None:
    """End a job of the page with a message. The page redraws its log only when the text changes: a space alternates."""
    from modules import shared

    p.comment(message + next(endings))
    shared.state.interrupt()


def page_loses_exceptions() -> bool:
    """Return whether jobs of the page run in a main thread that only prints what is raised."""
    try:
        from modules_forge import main_thread
    except ImportError:
        return False
    return not hasattr(main_thread, "last_exception")


def end_interrupted(p: Processing, during_sampling: bool) -> None:
    """End a job that the user interrupted in one of our hooks.

    Hosts start no batch then, but a sampler that they still call makes one step: its image, without the light, is dropped.
    """
    p.comment("Relight: interrupted before sampling; no unfinished image is kept.")
    if during_sampling:
        keep_images(p, getattr(p, "iteration", 0) * p.batch_size)


def keep_images(p: Processing, count: int) -> None:
    """Keep only the job's first `count` images, those of its finished batches."""
    state_of(p).images_kept = count
    p.do_not_save_samples = p.do_not_save_grid = True


def discard_images(p: Processing, processed: Any) -> None:
    """Remove what an interrupted sampler left from the host's Processed, and the infotext of an image that was not made."""
    state = state_of(p)
    kept, state.images_kept = state.images_kept, None
    if kept is not None:
        end = kept and kept + getattr(processed, "index_of_first_image", 0)
        del processed.images[end:], processed.infotexts[end:]
    if state.rejected and not processed.images:
        processed.info = ""
