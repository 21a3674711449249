"""Base of all host adapters: model folders, messages, progress bar and sampling schedules."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ...lib_iclight.conditioning import start_noise
from ..base.log import logger
from ..base.progress import Progress
from .failures import guard_sampler, stop_job
from .model_places import model_places
from .state import state_of
from .types import Host, Processing, UnetPatcher

FAMILY_FLAGS = {"is_sd1": "sd15", "is_sd2": "sd2", "is_sdxl": "sdxl"}
CONV_IN_WIDTHS = (4, 8, 12)
API_FIELDS = frozenset((
    "alwayson_scripts", "script_name", "script_args", "sampler_index", "send_images", "save_images", "init_images", "mask",
    "include_init_images", "force_task_id", "infotext"))
"""Fields of the hosts' requests that no processing class has."""
TO_K = "attn2.to_k."
REMARKS = "Relight remarks"
"""Infotext key of what the job reported."""
PREFIX = "Relight: "
MARK = "relight_applied"
MERGING, SAMPLING = "Relight: merging the weights", "Relight: sampling"


class WebuiHost(ABC):
    """Base of all adapters. `types.Host` is what the rest of Relight calls; abstract methods are what a host has to provide."""

    name: str

    def is_img2img(self, p: Processing) -> bool:
        """Return whether p itself is an img2img job: detailers run the txt2img scripts in img2img jobs of their own."""
        from modules.processing import StableDiffusionProcessingImg2Img

        return isinstance(p, StableDiffusionProcessingImg2Img)

    def crop_box(self, mask: Image.Image, padding: int, width: int, height: int) -> tuple[int, int, int, int] | None:
        """Return the box in a mask's pixels that inpaint only masked samples at width x height; None for a black mask."""
        from modules import masking

        if mask.getbbox() is None:
            return None
        crop_region = getattr(masking, "get_crop_region_v2", None) or masking.get_crop_region
        region = crop_region(np.asarray(mask), padding)
        return tuple(masking.expand_crop_region(region, width, height, *mask.size))

    def checkpoint_file(self, p: Processing | None) -> Path | None:
        from modules import sd_models

        info = sd_models.select_checkpoint()
        return Path(info.filename) if info else None

    @abstractmethod
    def sigma_table(self, p: Processing) -> Tensor:
        """Return the model's sigma of every training timestep, ascending."""

    def executed_sigmas(self, p: Processing, starts_late: bool) -> list[float]:
        from modules.sd_samplers_common import setup_img2img_steps

        steps, t_enc = p.steps, None
        if starts_late:
            requested = (p.hr_second_pass_steps or p.steps) if getattr(p, "is_hr_pass", False) else None
            if state_of(p).full_steps is p.sampler:
                requested = p.steps
            steps, t_enc = setup_img2img_steps(p, requested)
            if steps == 0:
                return []
        if hasattr(p.sampler, "get_sigmas"):
            sigmas = p.sampler.get_sigmas(p, steps)[:-1]
            return sigmas.tolist() if t_enc is None else sigmas[steps - t_enc - 1:].tolist()
        timesteps = p.sampler.get_timesteps(p, steps)
        timesteps = timesteps.tolist() if t_enc is None else timesteps[:t_enc].tolist()
        if getattr(getattr(p.sampler, "func", None), "__name__", "") != "unipc":
            timesteps = timesteps[1:]  # DDIM and PLMS end at the lowest one without a call of the UNet
        return [float(self.sigma_table(p)[int(t)]) for t in reversed(timesteps)]

    def start_noise(self, p: Processing, noise: Tensor, latent: Tensor) -> Tensor:
        """Samplers with sigmas scale their start by the first one; the others take a variance-preserving mix."""
        from modules.shared import opts

        if hasattr(p.sampler, "get_sigmas"):
            sigma = float(p.sampler.get_sigmas(p, p.steps)[0])
            return start_noise(noise, latent, (1 + sigma**2) ** 0.5 if getattr(opts, "sgm_noise_multiplier", False) else sigma)
        sigma = float(self.sigma_table(p)[int(p.sampler.get_timesteps(p, p.steps)[-1])])
        return start_noise(noise, latent, sigma) * sigma / (1 + sigma**2) ** 0.5

    def run_all_steps(self, p: Processing) -> tuple[int, int]:
        """Pass the sampler its `steps`: it then schedules steps/denoise and runs as many as were requested.

        The original schedules round(steps/denoise) for the same end (gradio_demo.py:293); the hosts' samplers take int().
        For a denoising strength above 0: the hosts schedule no step for 0.
        """
        state = state_of(p)
        if state.full_steps is not p.sampler:
            sample_img2img = p.sampler.sample_img2img

            def with_steps(job, x, noise, cond, uncond, steps=None, image_conditioning=None):
                steps = steps or job.steps
                return sample_img2img(job, x, noise, cond, uncond, steps=steps, image_conditioning=image_conditioning)

            p.sampler.sample_img2img = with_steps
            state.full_steps = p.sampler
        return p.steps, int(p.steps / min(p.denoising_strength, 0.999))

    def block_layout(self, unet: UnetPatcher) -> tuple[int, int]:
        """A layer that another extension has wrapped keeps its own weight below another name, before those that it adds."""
        widths: dict[str, int] = {}
        for key, weight in unet.model.named_parameters():
            layer, found, rest = key.partition(TO_K)
            if found and rest.endswith("weight"):
                widths.setdefault(layer, weight.shape[1])
        return len(widths), next(iter(widths.values()), 0)

    def model_dirs(self, folder_kind: str) -> list[Path]:
        from modules import paths, shared

        return model_places(folder_kind, Path(paths.models_path), Path(paths.data_path), shared.cmd_opts, shared.opts)

    def job_fields(self) -> frozenset[str]:
        """Return the names of the fields of the host's txt2img and img2img requests."""
        from modules import processing

        classes = processing.StableDiffusionProcessingTxt2Img, processing.StableDiffusionProcessingImg2Img
        return API_FIELDS.union(*(inspect.signature(job.__init__).parameters for job in classes))

    def fail(self, p: Processing, error: Exception, message: str, during_sampling: bool = False) -> None:
        stop_job(p, error, message, during_sampling)

    def guard_sampler(self, p: Processing) -> None:
        guard_sampler(p, self.device())

    def notify(self, p: Processing, message: str) -> None:
        remarks, text = state_of(p).remarks, message.removeprefix(PREFIX)
        if text in remarks:
            return
        remarks.append(text)
        logger.warning(text)
        p.comment(PREFIX + text)
        p.extra_generation_params[REMARKS] = " ".join(remarks)

    def progress(self, text: str | None) -> None:
        from modules import shared

        shared.state.textinfo = text

    def began(self) -> float | None:
        from modules import shared

        return getattr(shared.state, "time_start", None)

    def interrupted(self) -> bool:
        from modules import shared

        return shared.state.interrupted


def is_marked(unet: UnetPatcher) -> bool:
    """Return whether a clone already carries this job's patches (Forge runs the hook twice in the hires pass)."""
    return unet.model_options.get(MARK, False)


def mark(unet: UnetPatcher) -> None:
    unet.model_options[MARK] = True


def family_of(model: Any) -> str:
    """Name a loaded checkpoint's family by the flags that all hosts set on it."""
    return next((name for flag, name in FAMILY_FLAGS.items() if getattr(model, flag, False)), type(model).__name__)


def job_progress(host: Host) -> Progress:
    """Return the running job's progress: shown in the host's progress bar, stopped by its Interrupt button."""
    return Progress(lambda text: host.progress(PREFIX + text), lambda: host.interrupted())


def report_merged() -> None:
    """Change the progress text from merging to sampling at the first step."""
    from modules import shared

    if shared.state.textinfo == MERGING:
        shared.state.textinfo = SAMPLING


def fits(weight: Tensor | None, delta: Tensor) -> bool:
    """Return whether delta can be added to weight; the first convolution may grow. Quantised weights hide their shape.

    The visible one may still be as wide as the job before made it (fbc 12): hosts remove patches only when they merge anew.
    """
    if weight is None or not weight.is_floating_point() or weight.shape == delta.shape:
        return weight is not None
    if delta.ndim != 4 or weight.ndim != 4 or not {weight.shape[1], delta.shape[1]} <= set(CONV_IN_WIDTHS):
        return False
    return weight.shape == (delta.shape[0], weight.shape[1], *delta.shape[2:])
