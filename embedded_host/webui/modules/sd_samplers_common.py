"""What all samplers share, and latents to images. Needed by: lib_relight/hosts/webui.py, modules/processing*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from modules import devices, images, script_callbacks, scripts, shared
from modules.shared import opts, state
from torch import Tensor

from sd_relight.embedded_host.engine import guidance, steppers
from sd_relight.embedded_host.engine.noise import seeded
from sd_relight.embedded_host.engine.pixels import to_image

PREVIEW_SIDE = 16
"""Longest side, in latent pixels, that is decoded for a preview."""


class InterruptedException(BaseException):
    """Leaves the sampling loop with what there is; not an Exception, so that hooks do not swallow it."""


class DecodedSamples(list):
    """Images [3, H, W], -1..1, where the job loop expects latents."""

    already_decoded = True


def setup_img2img_steps(p: Any, steps: int | None = None) -> tuple[int, int]:
    """Return (steps of the whole schedule, index of the last one to run). With explicit steps that many are run."""
    run_all = steps is not None or bool(opts.img2img_fix_steps)
    return steppers.img2img_steps(steps or p.steps, p.denoising_strength, run_all)


def decode_latent_batch(model: Any, batch: Tensor) -> DecodedSamples:
    """Decode scaled latents [B, 4, h, w] to images on the CPU."""
    return DecodedSamples(model.decode_first_stage(batch).to("cpu"))


def images_tensor_to_samples(image: Tensor, model: Any, seeds: Sequence[int]) -> Tensor:
    """Encode [B, 3, H, W], 0..1, to scaled latents.

    The VAE samples its posterior with torch's global generator: each image's sample is drawn from its own seed and the
    generator is left as it was, so that a job is reproducible and a batch equals single jobs.
    """
    pixels = image.to(devices.device, dtype=devices.dtype_vae) * 2 - 1
    missing = max(len(pixels) - len(seeds), 0)
    latents = []
    with torch.random.fork_rng():
        for one, seed in zip(pixels, [*seeds, *[seeds[-1]] * missing]):
            torch.manual_seed(int(seed))
            latents.append(model.encode_first_stage(one[None]))
    return torch.cat(latents)


@torch.inference_mode()
def preview(latents: Tensor) -> Any:
    """Return a small image of the batch: the latents are shrunk before the VAE decodes them."""
    scale = max(1.0, max(latents.shape[2:]) / PREVIEW_SIDE)
    size = [max(1, round(side / scale)) for side in latents.shape[2:]]
    small = torch.nn.functional.interpolate(latents.detach().float(), size=size, mode="area")
    decoded = [to_image(shared.sd_model.decode_first_stage(one[None])[0]) for one in small]
    return images.image_grid(decoded) if len(decoded) > 1 else decoded[0]


class Sampler:
    """p.sampler: sample and sample_img2img with A1111's arguments; extensions replace both.

    own_schedule: the schedule's name when the user chooses none. eta_fields: (option, infotext key, default).
    """

    eta_fields = ("eta_ancestral", "Eta", 1.0)

    def __init__(self, stepper: type, model: Any, own_schedule: str | None = None):
        self.stepper, self.model, self.own_schedule = stepper, model, own_schedule
        self.p: Any = None
        self.init_latent: Tensor | None = None
        self.step = self.total_steps = 0

    @property
    def levels(self) -> Any:
        """The noise levels of the checkpoint."""
        return self.model.forge_objects.unet.model.predictor

    def eta(self, p: Any) -> float:
        """Return the user's eta, noted in the infotext where it is not the default and the sampler adds noise."""
        option, key, default = self.eta_fields
        eta = p.eta if p.eta is not None else getattr(opts, option)
        if self.stepper.uses_eta and eta != default:
            p.extra_generation_params[key] = eta
        return eta

    def run(self, p: Any, x: Tensor, stepper: Any, total: int, cond: Tensor, uncond: Tensor | None,
            image_cond: Tensor | None) -> Tensor:
        """Take the stepper's steps from x; when the job is interrupted or skipped, return the last denoised latent.

        total: the number of steps that the progress bar counts.
        """
        unet = self.model.forge_objects.unet
        guidance.begin_sampling(unet)
        self.p, self.step, self.total_steps = p, 0, total
        self.blend_generators = [seeded((int(seed) + 100000) % 65536) for seed in p.seeds]  # where Forge leaves its global one
        state.sampling_steps, state.sampling_step = total, 0
        self.last_latent = x = stepper.start(x)
        try:
            for index, sigma in enumerate(stepper.sigmas[:stepper.count]):
                denoised = self._denoise(unet, x, sigma.to(x).repeat(len(x)), cond, uncond, image_cond)
                state.sampling_step = index
                x = stepper.step(index, x, denoised)
            return stepper.finish(x)
        except InterruptedException:
            return self.last_latent
        finally:
            guidance.end_sampling(unet)

    def _denoise(self, unet: Any, x: Tensor, sigma: Tensor, cond: Tensor, uncond: Tensor | None,
                 image_cond: Tensor | None) -> Tensor:
        """One step: x [B, 4, h, w] at noise level sigma [B], denoised. Raises InterruptedException."""
        p = self.p
        if state.skipped or state.interrupted:
            raise InterruptedException
        mask = getattr(p, "mask", None)
        if mask is not None:
            kept = steppers.inpaint_noise(self.init_latent, self.blend_generators, sigma)
            x = x * p.nmask + kept * mask
        given = script_callbacks.CFGDenoiserParams(x, image_cond, sigma, state.sampling_step, state.sampling_steps, cond,
                                                   uncond, self)
        script_callbacks.cfg_denoiser_callback(given)
        scale = self._guidance_scale(float(sigma[0]))
        denoised = guidance.guided_step(unet, given.x, given.sigma, given.text_cond, given.text_uncond, scale,
                                        given.image_cond)
        if mask is not None:
            denoised = blend_masked(p, denoised, self.init_latent, denoiser=self, sigma=sigma)
        self.last_latent = state.current_latent = denoised
        result = script_callbacks.AfterCFGCallbackParams(denoised, state.sampling_step, state.sampling_steps)
        script_callbacks.cfg_after_cfg_callback(result)
        self.step += 1
        return result.x.to(x)

    def _guidance_scale(self, sigma: float) -> float:
        """Return the CFG scale of this step; 1 where the settings leave out the unconditional rows."""
        p, early = self.p, opts.skip_early_cond
        if early > 0 and self.step / self.total_steps <= early:
            p.extra_generation_params["Skip Early CFG"] = early
            return 1.0
        least = p.min_sigma_of_uncond()
        if sigma < least and self.step % 2:
            p.extra_generation_params.update(NGMS=least)
            return 1.0
        return p.hr_cfg if p.is_hr_pass else p.cfg_scale


def blend_masked(p: Any, samples: Tensor, init_latent: Tensor, **given: Any) -> Tensor:
    """Keep the init latent where the inpaint mask is 0; scripts may change the result."""
    blended = samples * p.nmask + init_latent * p.mask
    if p.scripts is None:
        return blended
    args = scripts.MaskBlendArgs(samples, p.nmask, init_latent, p.mask, blended, **given)
    p.scripts.on_mask_blend(p, args)
    return args.blended_latent
