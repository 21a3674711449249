"""Runs a matting model: one at a time per process, and interruptible while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from ..base.errors import RelightError, is_out_of_memory
from ..base.progress import Progress, Stopped
from ..packages import optional
from . import u2netp

POLL_SECONDS = 0.05
"""Interval at which a run and a wait check for an interrupt."""
running = threading.Lock()
"""A job and a preview never run a model at the same time, so that memory is needed for one run only."""


@contextmanager
def turn(progress: Progress) -> Iterator[None]:
    """Wait for the run in progress; interruptible while waiting."""
    while not running.acquire(timeout=POLL_SECONDS):
        progress.check()
    try:
        yield
    finally:
        running.release()


def predict(session, image: Image.Image, name: str, progress: Progress) -> np.ndarray:
    """Return the session's matte, uint8 [H, W]. Call it inside `turn`."""
    rembg = optional.load("matting", "rembg")
    progress(f"cutting out the subject with {name}")
    try:
        with stoppable(session, progress), np.errstate(invalid="ignore"):  # rembg divides 0 by 0 for a constant matte
            mask = np.asarray(rembg.remove(image, session=session, only_mask=True).convert("L"))
    except Stopped:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise RelightError(f"The matting model {name} could not be run on the image ({first_line(error)}); it is no U2-Net, "
                           "IS-Net or BiRefNet model, or it is damaged: choose another one.") from error
    if mask.shape != (image.height, image.width):
        raise RelightError(f"The matting model {name} answers with {mask.shape[1]}x{mask.shape[0]} pixels for an image of "
                           f"{image.width}x{image.height}: it separates more than one subject; choose another one.")
    return mask


def predict_builtin(network: u2netp.U2NetP, image: Image.Image, name: str, progress: Progress) -> np.ndarray:
    """Return the built-in network's matte, uint8 [H, W]. Call it inside `turn`; it takes about a second on a CPU."""
    progress(f"cutting out the subject with {name}")
    return u2netp.predict(network, image)


@contextmanager
def stoppable(session, progress: Progress) -> Iterator[None]:
    """Within the block the session's runs end when the progress is stopped; rembg itself passes no run options."""
    inner = session.inner_session
    session.inner_session = StoppableRuns(inner, progress)
    try:
        yield
    finally:
        session.inner_session = inner


class StoppableRuns:
    """An onnxruntime session whose `run` raises Stopped soon after the progress is stopped."""

    def __init__(self, inner, progress: Progress):
        self.inner, self.progress = inner, progress

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def run(self, names, feeds):
        options = optional.load("matting", "onnxruntime").RunOptions()
        finished = threading.Event()
        watch = threading.Thread(target=end_when_stopped, args=(options, self.progress, finished), daemon=True)
        watch.start()
        try:
            outputs = self.inner.run(names, feeds, options)
        except Exception:
            self.progress.check()
            raise
        finally:
            finished.set()
            watch.join()
        self.progress.check()
        return outputs


def end_when_stopped(options, progress: Progress, finished: threading.Event) -> None:
    while not finished.wait(POLL_SECONDS):
        if progress.is_stopped():
            options.terminate = True
            return


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:240]
