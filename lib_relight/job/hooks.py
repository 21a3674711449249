"""The host's hooks, each guarded: whatever goes wrong stops the job with a sentence instead of a plain picture."""

from __future__ import annotations

import traceback
from contextlib import contextmanager

from ..base.errors import USER_ERRORS, sentence_of
from ..base.progress import Stopped
from ..hosts import current_host
from ..hosts.base import discard_pictures, end_interrupted, forget_stop
from ..models.folders import model_folders
from ..request import xyz_axes
from ..request.infotext import MARKER
from ..request.panel_values import parse_request
from .job import RelightJob

ATTRIBUTE = "relight_job"


@contextmanager
def stops_job(p, during_sampling: bool = False):
    """Turns an exception into the job's failure, with a traceback only for what is our own bug; an interrupt ends it quietly."""
    try:
        yield
    except Exception as error:
        setattr(p, ATTRIBUTE, None)
        p.extra_generation_params.pop(MARKER, None)
        if isinstance(error, Stopped):
            end_interrupted(p, during_sampling)
        else:
            if not isinstance(error, USER_ERRORS):
                traceback.print_exc()
            current_host().fail(p, error, sentence_of(error), during_sampling)


def job_of(p) -> RelightJob | None:
    return getattr(p, ATTRIBUTE, None)


def before_process(p, args, is_img2img: bool) -> None:
    setattr(p, ATTRIBUTE, None)
    forget_stop(p)
    forget_infotext(p)
    with stops_job(p):
        request = parse_request(xyz_axes.overridden(args, p), is_img2img)
        if request is not None:
            setattr(p, ATTRIBUTE, RelightJob(current_host(), p, request, is_img2img, model_folders))


def forget_infotext(p) -> None:
    """The cells of an X/Y/Z plot share one dict of infotext: what the last cell said must not stand in the next."""
    pairs = p.extra_generation_params
    for key in [key for key in pairs if key == MARKER or key.startswith(f"{MARKER} ")]:
        del pairs[key]


def process(p) -> None:
    if job := job_of(p):
        with stops_job(p):
            job.prepare(p)


def before_sampling(p, x, noise) -> None:
    if job := job_of(p):
        with stops_job(p, during_sampling=True):
            job.apply(p, x, noise)


@contextmanager
def keeps_result(p):
    """After sampling there is no job left to fail: the picture stays as the host made it, and the fault is said."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        current_host().say(p, sentence_of(error))


def postprocess_image(p, pp) -> None:
    if job := job_of(p):
        with keeps_result(p):
            pp.image = job.finish(p, pp.image, getattr(pp, "index", None))


def postprocess(p, processed) -> None:
    """Adds the extra pictures (PIL: an array makes the hosts' API answer 500) and lets go of the job."""
    job = job_of(p)
    setattr(p, ATTRIBUTE, None)
    discard_pictures(p, processed)
    if job is None:
        return
    job.host.progress(None)
    if not processed.images:
        return
    with keeps_result(p):
        for name, picture in job.extras(processed.images[0].size):
            text = f"{MARKER} {name}"
            picture.info["parameters"] = text
            processed.images.append(picture)
            processed.infotexts.append(text)
