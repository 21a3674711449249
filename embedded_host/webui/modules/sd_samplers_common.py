"""Between latents and pictures, and what all samplers share."""

from collections import namedtuple

import numpy as np
import torch
from PIL import Image

from modules import devices, images, shared
from modules.shared import opts, state

approximation_indexes = {"Full": 0, "Approx NN": 1, "Approx cheap": 2, "TAESD": 3}
PREVIEW_SIDE = 16


class SamplerData(namedtuple("SamplerData", ["name", "constructor", "aliases", "options"])):
    def total_steps(self, steps):
        return steps


class InterruptedException(BaseException):
    """Leaves the sampling loop with the picture as it is; not an Exception, so that hooks do not swallow it."""


class DecodedSamples(list):
    already_decoded = True


def setup_img2img_steps(p, steps=None):
    """(steps of the whole schedule, index of the last one to run). With explicit steps that many are run."""
    strength = min(p.denoising_strength, 0.999)
    if opts.img2img_fix_steps or steps is not None:
        requested = steps or p.steps
        return int(requested / strength) if p.denoising_strength > 0 else 0, requested - 1
    return p.steps, int(strength * p.steps)


def decode_first_stage(model, x):
    return model.decode_first_stage(x)


def decode_latent_batch(model, batch, target_device=devices.cpu, check_for_nans=False):
    """DecodedSamples of [3, H, W], -1..1."""
    return DecodedSamples(decode_first_stage(model, batch).to(target_device))


def images_tensor_to_samples(image, approximation=None, model=None, seeds=None):
    """[B, 3, H, W] in 0..1 -> scaled latents.

    The VAE samples its posterior with torch's global generator; with `seeds` each picture's sample is drawn from its own
    seed and the global generator is left as it was, so that a job is reproducible and a batch equals single jobs.
    """
    model = model or shared.sd_model
    pixels = image.to(devices.device, dtype=devices.dtype_vae) * 2 - 1
    if seeds is None:
        return torch.cat([model.encode_first_stage(one[None]) for one in pixels])
    latents = []
    with torch.random.fork_rng():
        for one, seed in zip(pixels, [*seeds, *[seeds[-1]] * len(pixels)]):
            torch.manual_seed(int(seed))
            latents.append(model.get_first_stage_encoding(model.encode_first_stage(one[None])))
    return torch.cat(latents)


def to_picture(pixels):
    """[3, H, W], -1..1 -> PIL."""
    array = torch.clamp((pixels.float().cpu() + 1) / 2, 0, 1).mul(255).round().to(torch.uint8).numpy()
    return Image.fromarray(np.moveaxis(array, 0, 2))


def single_sample_to_image(sample, approximation=None):
    return to_picture(shared.sd_model.decode_first_stage(sample[None])[0])


def sample_to_image(samples, index=0, approximation=None):
    return single_sample_to_image(samples[index], approximation)


def samples_to_image_grid(samples, approximation=None):
    return images.image_grid([single_sample_to_image(sample) for sample in samples])


@torch.inference_mode()
def preview(latents):
    """A small picture of the batch: the latents are shrunk before the VAE decodes them."""
    latents = latents.detach()
    scale = max(1.0, max(latents.shape[2:]) / PREVIEW_SIDE)
    size = [max(1, round(side / scale)) for side in latents.shape[2:]]
    small = torch.nn.functional.interpolate(latents.float(), size=size, mode="area")
    pictures = [single_sample_to_image(one) for one in small]
    return images.image_grid(pictures) if len(pictures) > 1 else pictures[0]


def store_latent(decoded):
    state.current_latent = decoded


class Sampler:
    """sample and sample_img2img with A1111's arguments; `run` is the loop over steps."""

    def __init__(self, stepper, model):
        from modules.sd_samplers_cfg_denoiser import CFGDenoiser

        self.stepper, self.funcname = stepper, stepper.__name__
        self.config = self.p = self.last_latent = self.eta = self.stop_at = self.sampler_extra_args = None
        self.options = {}
        self.model_wrap_cfg = CFGDenoiser(self)
        self.model_wrap = self.model_wrap_cfg.inner_model
        self.eta_option_field, self.eta_infotext_field, self.eta_default = "eta_ancestral", "Eta", 1.0

    def initialize(self, p):
        self.p = p
        wrap = self.model_wrap_cfg
        wrap.p, wrap.step = p, 0
        wrap.mask, wrap.nmask = getattr(p, "mask", None), getattr(p, "nmask", None)
        self.eta = p.eta if p.eta is not None else getattr(opts, self.eta_option_field)
        if self.stepper.uses_eta and self.eta != self.eta_default:
            p.extra_generation_params[self.eta_infotext_field] = self.eta

    def callback_state(self, d):
        if self.stop_at is not None and d["i"] > self.stop_at:
            raise InterruptedException
        state.sampling_step = d["i"]
        shared.total_tqdm.update()

    def run(self, p, x, stepper, total, cond, uncond, image_cond):
        """Walk the stepper's sigmas from x; returns the last latent when the job is interrupted or skipped."""
        wrap = self.model_wrap_cfg
        wrap.steps = wrap.total_steps = state.sampling_steps = total
        state.sampling_step = 0
        self.last_latent = x
        self.sampler_extra_args = {"cond": cond, "image_cond": image_cond, "uncond": uncond, "cond_scale": p.cfg_scale,
                                   "s_min_uncond": p.s_min_uncond}
        ones = x.new_ones(x.shape[0])
        try:
            for index, sigma in enumerate(stepper.sigmas[:stepper.count]):
                denoised = wrap(x, sigma.to(x) * ones, **self.sampler_extra_args)
                self.callback_state({"x": x, "i": index, "sigma": sigma, "sigma_hat": sigma, "denoised": denoised})
                x = stepper.step(index, x, denoised)
            return stepper.finish(x)
        except InterruptedException:
            return self.last_latent
