"""A job: the parameter objects and process_images, which extensions call and patch.

Needed by: lib_relight/hosts, tests/contract, xyz_grid, detailers (which run jobs in jobs), embedded_host.
"""

from __future__ import annotations

from typing import Any

from modules import processing_run
from modules.processing_img2img import StableDiffusionProcessingImg2Img  # noqa: F401
from modules.processing_result import Processed, process_extra_images  # noqa: F401
from modules.processing_txt2img import StableDiffusionProcessingTxt2Img  # noqa: F401
from modules.sd_samplers import get_sampler_and_scheduler
from modules.shared import opts


def process_images(p: Any) -> Processed:
    """Run a job with its override_settings; the former values are restored afterwards."""
    processing_run.call_hook(p, "before_process")
    former = {name: opts.data[name] for name in p.override_settings.keys() & opts.data.keys()}
    try:
        apply_settings({name: p.override_settings[name] for name in former})
        p.sampler_name, p.scheduler = get_sampler_and_scheduler(p.sampler_name, p.scheduler, keep_own=True)
        return process_images_inner(p)
    finally:
        apply_settings(former if p.override_settings_restore_afterwards else {})


def process_images_inner(p: Any) -> Processed:
    """Run a job whose settings are in place; what ControlNet patches."""
    return processing_run.run_job(p)


def apply_settings(values: dict[str, Any]) -> None:
    for name, value in values.items():
        opts.set(name, value, run_callbacks=False)
