"""The host's hooks. Each is guarded: an exception fails the job with a one-line message instead of a plain image."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ..base import allocator, caches, memory
from ..base.errors import is_bug, is_out_of_memory, message_for
from ..base.progress import Stopped
from ..checks.check import check
from ..checks.iclight_checks import init_is_like_mask
from ..checks.messages import State, raise_first_error
from ..hosts import current_host, results
from ..hosts.failures import discard_images, end_interrupted
from ..hosts.state import reset, state_of
from ..hosts.types import Host, Processing
from ..hosts.webui import report_merged
from ..models import checkpoint
from ..models.folders import model_folders
from ..request import xyz_axes
from ..request.infotext import MARKER
from ..request.panel_values import parse_request
from ..request.pixel_formats import for_host, frame_count, is_cut_out
from ..request.request import RelightRequest
from . import nested
from .frame import part_of
from .job import RelightJob


@contextmanager
def fails_job(p: Processing, during_sampling: bool = False) -> Iterator[None]:
    """Turn an exception into the job's failure, with a traceback only for our own bugs. An interrupt ends the job quietly."""
    try:
        yield
    except Exception as error:
        state_of(p).job = None
        memory.end_job()
        p.extra_generation_params.pop(MARKER, None)
        if isinstance(error, Stopped):
            end_interrupted(p, during_sampling)
        else:
            if is_bug(error):
                traceback.print_exc()
            if is_out_of_memory(error):
                memory.release()
            current_host().fail(p, error, message_for(error), during_sampling)


@contextmanager
def keeps_image(p: Processing) -> Iterator[None]:
    """After sampling there is no job left to fail: keep the host's image and report the error."""
    try:
        yield
    except Exception as error:
        if is_bug(error):
            traceback.print_exc()
        if is_out_of_memory(error):
            memory.release()
        current_host().notify(p, message_for(error))


def before_process(p: Processing, args: Sequence) -> None:
    """Parse the request and build the job. The tab is p's own: detailers run txt2img scripts in img2img jobs."""
    state = reset(p)
    memory.end_job()  # the job before may have failed in the host
    caches.begin_job()
    forget_infotext(p)
    with fails_job(p):
        host = current_host()
        request = parse_request(xyz_axes.overridden(args, p))
        if request is not None:
            request = nested.with_light_of_image(host, p, request)
            check_request(host, p, request)
            if host.is_img2img(p):
                p.init_images = [for_host(image) for image in p.init_images or ()]
            state.job = RelightJob(host, p, request, model_folders)


def check_request(host: Host, p: Processing, request: RelightRequest) -> None:
    """Raise the first error of the request; report every field without effect. The loaded checkpoint is checked later."""
    messages = check(request, job_state(host, p))
    raise_first_error(messages)
    for message in messages:
        host.notify(p, message.sentence)


def job_state(host: Host, p: Processing) -> State:
    path, is_img2img = host.checkpoint_file(p), host.is_img2img(p)
    chosen = checkpoint.inspect(path) if path else None
    init_images = list(p.init_images or ()) if is_img2img else []
    return State(
        model_folders, is_img2img, chosen if chosen and chosen.family == "iclight" else None, p.denoising_strength,
        has_hires=bool(getattr(p, "enable_hr", False)), init_images=len(init_images),
        init_frames=max(map(frame_count, init_images), default=1),
        init_is_cut_out=any(is_cut_out(image) for image in init_images),
        init_is_like_mask=any(init_is_like_mask(image) for image in init_images[:1]), part_of=part_of(p) if init_images else None,
        batch_size=p.batch_size, cfg_scale=p.cfg_scale, refiner=getattr(p, "refiner_checkpoint", None))


def forget_infotext(p: Processing) -> None:
    """Remove the last job's pairs: the cells of an X/Y/Z plot share one dict of infotext."""
    pairs = p.extra_generation_params
    for key in [key for key in pairs if key == MARKER or key.startswith(f"{MARKER} ")]:
        del pairs[key]


def process(p: Processing) -> None:
    if job := state_of(p).job:
        with fails_job(p):
            job.prepare(p)


def before_sampling(p: Processing, x: Tensor, noise: Tensor) -> None:
    if job := state_of(p).job:
        with fails_job(p, during_sampling=True):
            job.apply(p, x, noise)


def before_step(params: Any) -> None:
    """on_cfg_denoiser. An extension that ran after Relight may have patched the UNet to be sampled in tiles."""
    report_merged()
    p = getattr(params.denoiser, "p", None)
    if p is not None and (job := state_of(p).job):
        with fails_job(p, during_sampling=True):
            job.host.follow_tiles(job.host.unet(p))


def postprocess_image(p: Processing, pp: Any) -> None:
    if job := state_of(p).job:
        with keeps_image(p):
            pp.image = job.finish(p, pp.image, getattr(pp, "index", None))


def postprocess(p: Processing, processed: Any) -> None:
    """Add the extra images (PIL: an array makes the hosts' API answer 500) and end the job."""
    state = state_of(p)
    job, state.job = state.job, None
    memory.end_job()
    nested.leave(p)
    discard_images(p, processed)
    if job is None:
        allocator.give_back()
        return
    job.host.progress(None)
    own = processed.images[getattr(processed, "index_of_first_image", 0):]
    if not own:
        return
    with keeps_image(p):
        count = len(processed.infotexts) - getattr(processed, "index_of_first_image", 0)
        for added in job.added_images(p, own, count):
            results.add(p, processed, added, f"{MARKER} {added.name}")
