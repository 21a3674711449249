"""What the running job reports, and what interrupts it."""

import datetime
import time


class State:
    """The job's progress: read by the API's /progress and the page, written by the sampling loop."""

    def __init__(self):
        self.server_start = time.time()
        self.time_start = None
        self.need_restart = False
        self.server_command = None
        self._clear()
        self.job = ""
        self.job_count = 0
        self.job_timestamp = "0"

    def _clear(self):
        self.skipped = self.interrupted = self.stopping_generation = False
        self.processing_has_refined_job_count = False
        self.job_no = 0
        self.sampling_step = self.sampling_steps = 0
        self.current_latent = self.current_image = self.textinfo = None
        self.current_image_sampling_step = 0
        self.id_live_preview = 0

    def begin(self, job="(unknown)"):
        self._clear()
        self.time_start = time.time()
        self.job_timestamp = datetime.datetime.now().strftime("%Y%m%d%H%M%S")
        self.job = job
        self.job_count = -1

    def end(self):
        self.job = ""
        self.job_count = 0

    def skip(self):
        self.skipped = True

    def interrupt(self):
        self.interrupted = True

    def stop_generating(self):
        self.stopping_generation = True

    def nextjob(self):
        self.job_no += 1
        self.sampling_step = 0
        self.current_image_sampling_step = 0

    def dict(self):
        names = ("skipped", "interrupted", "stopping_generation", "job", "job_count", "job_timestamp", "job_no",
                 "sampling_step", "sampling_steps")
        return {name: getattr(self, name) for name in names}

    def set_current_image(self):
        """Refresh the preview when enough steps have passed since the last one. Called by who asks for progress."""
        from modules.shared import opts

        steps = self.sampling_step - self.current_image_sampling_step
        if opts.live_previews_enable and steps >= opts.show_progress_every_n_steps > 0:
            self.do_set_current_image()

    def do_set_current_image(self):
        if self.current_latent is None:
            return
        from modules import sd_samplers_common

        self.assign_current_image(sd_samplers_common.preview(self.current_latent))
        self.current_image_sampling_step = self.sampling_step

    def assign_current_image(self, image):
        self.current_image = image
        self.id_live_preview += 1
