"""What Relight asks of a WebUI, and the parts that are the same in all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from fastapi import HTTPException

from ..base.errors import RelightError, console
from ..base.progress import Steps


class Host(Protocol):
    """One family of WebUI. `p` is the host's StableDiffusionProcessing, `unet` its patcher."""

    name: str

    def unet(self, p): ...
    def commit(self, p, unet) -> None: ...
    def family(self, p) -> str | None:
        """sd15, sd2, sdxl or another name; None while no checkpoint is loaded."""
    def in_channels(self, p) -> int: ...
    def checkpoint_file(self, p) -> Path | None: ...
    def vae_identity(self, p) -> str: ...
    def encode(self, p, pixels: torch.Tensor, mode: bool = True) -> torch.Tensor:
        """pixels: float32 [B, 3, H, W], -1..1. Returns float32 [B, 4, H/8, W/8], scaled as the UNet reads it."""
    def add_weight_deltas(self, unet, deltas: dict[str, torch.Tensor], identity: str) -> int:
        """Adds offsets under LDM keys; identity names their content. Returns how many keys the UNet took."""
    def merged_weights(self) -> str:
        """Names the set of patches that is merged into the UNet at this moment."""
    def set_concat(self, unet, latent: torch.Tensor) -> None:
        """latent: float32 [B, 4n, h, w] of the sample's own batch and size."""
    def device(self) -> torch.device: ...
    def block_layout(self, unet) -> tuple[int, int]:
        """(number of attn2 layers, width of the text tokens)."""
    def attention(self):
        """The host's own attention(q, k, v, heads), joined heads in and out."""
    def attn2_table(self, unet) -> dict:
        """block -> what replaces attn2 there now."""
    def set_cross_attention(self, unet, block: tuple, patch) -> None: ...
    def add_lora(self, unet, deltas, strength: float, identity: str) -> int:
        """Returns how many weights the UNet took it for."""
    def sigma_of(self, p, percent: float) -> float: ...
    def executed_sigmas(self, p, starts_late: bool) -> list[float]:
        """Sigmas of the steps that this pass really runs, descending, without the closing 0."""
    def set_start_latent(self, p, noise: torch.Tensor, latent: torch.Tensor) -> None:
        """txt2img: have sampling start from latent under noise, as img2img at denoise 1 does; both [B, 4, h, w]."""
    def run_all_steps(self, p) -> tuple[int, int]:
        """img2img: have the sampler really run p.steps. Returns (steps run, steps scheduled)."""
    def model_dirs(self, kind: str) -> list[Path]:
        """Folders in which files of a kind may lie, and files that lie openly in the models folder."""
    def fail(self, p, error: Exception, sentence: str, during_sampling: bool = False) -> None: ...
    def say(self, p, sentence: str) -> None:
        """A remark under the picture, where the job goes on."""
    def progress(self, text: str | None) -> None:
        """What the host's progress bar says while we work; None gives it back."""
    def interrupted(self) -> bool:
        """Whether the user has asked for the running job's end."""


def job_steps(host: Host) -> Steps:
    """The running job's steps: named in the host's progress bar, stopped by its Interrupt."""
    return Steps(lambda sentence: host.progress(f"Relight: {sentence}"), lambda: host.interrupted())


class ApiError(RelightError, HTTPException):
    """A RelightError that the hosts' API answers with its status and detail, and without a traceback."""

    def __init__(self, sentence: str, status_code: int):
        HTTPException.__init__(self, status_code=status_code, detail=sentence)

    def __str__(self) -> str:
        return self.detail


MERGING, SAMPLING = "Relight: merging the weights", "Relight: sampling"


def sampling_began(params) -> None:
    """on_cfg_denoiser: the first step is due, so the host has merged what was committed."""
    from modules import shared

    if shared.state.textinfo == MERGING:
        shared.state.textinfo = SAMPLING


MARK = "relight_applied"


def is_marked(unet) -> bool:
    """True for a clone that already carries this job's patches (Forge runs the hook twice in the hires pass)."""
    return unet.model_options.get(MARK, False)


def mark(unet) -> None:
    unet.model_options[MARK] = True


def stop_job(p, error: Exception, sentence: str, during_sampling: bool) -> None:
    """Make the job itself fail: hosts swallow what a hook raises and would go on to make a plain picture.

    API: `p.sample` raises an error that becomes the HTTP answer. Panel, before sampling: the job is interrupted with the
    sentence shown under the (empty) result; during sampling the sampler raises, since an interrupt there keeps a picture.
    Where the panel loses exceptions (reForge, Classic, old Forge), it is interrupted all the same and the picture discarded.
    """
    status = getattr(error, "status_code", 422 if isinstance(error, ValueError) else 500)

    def refuse(*args, **kwargs):
        raise ApiError(sentence, status) if p.is_api else RelightError(sentence, status)

    refuse.relight_refusal = True
    if during_sampling and not p.is_api and panel_loses_exceptions():
        interrupt(p, sentence)
        keep_pictures(p, 0)
    elif during_sampling:
        p.sampler.sample = p.sampler.sample_img2img = refuse
    elif p.is_api:
        p.init = p.sample = refuse
    else:
        interrupt(p, sentence)
    console(sentence)


def interrupt(p, sentence: str) -> None:
    from modules import shared

    p.comment(sentence)
    shared.state.interrupt()


def panel_loses_exceptions() -> bool:
    """True where jobs of the panel run in a main thread that only prints what is raised."""
    try:
        from modules_forge import main_thread
    except ImportError:
        return False
    return not hasattr(main_thread, "last_exception")


def end_interrupted(p, during_sampling: bool) -> None:
    """The user interrupted while we worked. Hosts begin no batch then, but a sampler that they call makes one step: what
    it leaves, without the light, is no result."""
    p.comment("Relight: interrupted before sampling; no half-done picture is kept.")
    if during_sampling:
        keep_pictures(p, getattr(p, "iteration", 0) * p.batch_size)


def keep_pictures(p, count: int) -> None:
    """The job's result ends after count pictures, those of its finished batches."""
    p.relight_keeps = count
    p.do_not_save_samples = p.do_not_save_grid = True


def discard_pictures(p, processed) -> None:
    """postprocess: what an interrupted sampler left is not shown as a result."""
    keeps = vars(p).pop("relight_keeps", None)
    if keeps is not None:
        end = keeps and keeps + getattr(processed, "index_of_first_image", 0)
        del processed.images[end:], processed.infotexts[end:]


def forget_stop(p) -> None:
    """A host's batch runs one p several times: what stopped an earlier run must not stop the next."""
    for name in ("init", "sample"):
        if hasattr(vars(p).get(name), "relight_refusal"):
            delattr(p, name)


def run_all_steps(p) -> tuple[int, int]:
    """Hand the sampler its `steps`: it then schedules steps/denoise and runs as many as were asked for.

    The original schedules round(steps/denoise) for the same end (gradio_demo.py:293); the hosts' samplers take int().
    """
    sample_img2img = p.sampler.sample_img2img
    if not getattr(sample_img2img, "relight_steps", False):

        def with_steps(job, x, noise, cond, uncond, steps=None, image_conditioning=None):
            return sample_img2img(job, x, noise, cond, uncond, steps=steps or job.steps, image_conditioning=image_conditioning)

        with_steps.relight_steps = True
        p.sampler.sample_img2img = with_steps
    strength = min(p.denoising_strength, 0.999)
    return p.steps, int(p.steps / strength) if strength > 0 else 0
