"""Progress of the running job. Needed by lib_relight/hosts (interrupted, textinfo), the samplers, the API and the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from modules.options import Options

AT_START = {
    "skipped": False, "interrupted": False, "stopping_generation": False, "processing_has_refined_job_count": False,
    "job_no": 0, "sampling_step": 0, "sampling_steps": 0, "current_latent": None, "current_image": None, "textinfo": None,
    "preview_step": 0, "id_live_preview": 0,
}
REPORTED = ("skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp", "job_no", "sampling_step",
            "sampling_steps")


class State:
    """`shared.state`. job_count is 0 between jobs and -1 before a job knows its number of images."""

    decode_preview: Callable[[Any], Image.Image]
    """Decodes a latent for the live preview; set when the model is loaded."""

    def __init__(self, opts: Options):
        self.opts = opts
        self.time_start: float | None = None
        self.job, self.job_count, self.job_timestamp = "", 0, "0"
        vars(self).update(AT_START)

    def begin(self, job: str) -> None:
        """Start reporting a job of this name."""
        vars(self).update(AT_START)
        self.time_start = time.time()
        self.job_timestamp = time.strftime("%Y%m%d%H%M%S")
        self.job, self.job_count = job, -1

    def end(self) -> None:
        self.job, self.job_count = "", 0

    def skip(self) -> None:
        self.skipped = True

    def interrupt(self) -> None:
        self.interrupted = True

    def nextjob(self) -> None:
        """Count a finished batch."""
        self.preview_step = self.sampling_step = 0
        self.job_no += 1

    def dict(self) -> dict[str, Any]:
        """Return the API's `state` object."""
        return {name: getattr(self, name) for name in REPORTED}

    def set_current_image(self) -> None:
        """Decode a new live preview if the setting's number of steps has passed since the last one."""
        every = self.opts.show_progress_every_n_steps
        if self.opts.live_previews_enable and every > 0 and self.sampling_step - self.preview_step >= every:
            self.do_set_current_image()

    def do_set_current_image(self) -> None:
        """Decode a live preview now, unless sampling has not begun."""
        if (latent := self.current_latent) is not None:
            self.current_image = self.decode_preview(latent)
            self.preview_step = self.sampling_step
            self.id_live_preview += 1
