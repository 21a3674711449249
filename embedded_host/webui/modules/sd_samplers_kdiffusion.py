"""Samplers that walk sigmas."""

import torch

from backend.sampling.sampling_function import sampling_cleanup, sampling_prepare
from modules import rng, script_callbacks, sd_samplers_common, sd_schedulers
from modules.shared import opts


class KDiffusionSampler(sd_samplers_common.Sampler):
    def get_sigmas(self, p, steps):
        """float32 [steps + 1], descending, the last one 0."""
        discard = opts.always_discard_next_to_last_sigma
        if discard:
            p.extra_generation_params["Discard penultimate sigma"] = True
        sigmas = self._schedule(p, steps + 1 if discard else steps)
        return (torch.cat([sigmas[:-2], sigmas[-1:]]) if discard else sigmas).cpu()

    def _schedule(self, p, steps):
        if p.sampler_noise_scheduler_override:
            return p.sampler_noise_scheduler_override(steps)
        name = (p.hr_scheduler if p.is_hr_pass else p.scheduler) or "Automatic"
        if name == "Automatic":
            name = self.config.options.get("scheduler")
        scheduler = sd_schedulers.schedulers_map.get(name)
        sigmas = self.model_wrap.sigmas
        if scheduler is None or scheduler.function is None:
            return sd_schedulers.uniform(steps, None, None, self.model_wrap)
        key = "Hires schedule type" if p.is_hr_pass else "Schedule type"
        if not p.is_hr_pass or scheduler.label != p.extra_generation_params.get("Schedule type"):
            p.extra_generation_params[key] = scheduler.label
        extra = {"inner_model": self.model_wrap} if scheduler.need_inner_model else {}
        return scheduler.function(n=steps, sigma_min=sigmas[0].item(), sigma_max=sigmas[-1].item(), **extra)

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        """x: unit noise; sampling starts at sigma_max · x."""
        unet = self.model_wrap.inner_model.forge_objects.unet
        sampling_prepare(unet, x)
        steps = steps or p.steps
        sigmas = self.get_sigmas(p, steps)
        self.initialize(p)
        stepper = self.stepper(sigmas, p.rng.generators, self.eta)
        samples = self.run(p, x * sigmas[0].to(x), stepper, steps, conditioning, unconditional_conditioning,
                           image_conditioning)
        sampling_cleanup(unet)
        return samples

    def sample_img2img(self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        """x: scaled latent, noised to the sigma where the denoising strength starts."""
        unet = self.model_wrap.inner_model.forge_objects.unet
        sampling_prepare(unet, x)
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p, steps)
        sigmas = self.get_sigmas(p, steps)[steps - t_enc - 1:]
        x = x.to(noise)
        xi = noise * sigmas[0].to(noise) + x
        if opts.img2img_extra_noise > 0:
            p.extra_generation_params["Extra noise"] = opts.img2img_extra_noise
            params = script_callbacks.ExtraNoiseParams(noise, x, xi)
            script_callbacks.extra_noise_callback(params)
            xi = xi + params.noise * opts.img2img_extra_noise
        self.initialize(p)
        self.model_wrap_cfg.init_latent = x
        self.blend_generators = blend_generators(p)
        stepper = self.stepper(sigmas, p.rng.generators, self.eta)
        samples = self.run(p, xi, stepper, t_enc + 1, conditioning, unconditional_conditioning, image_conditioning)
        sampling_cleanup(unet)
        return samples


def blend_generators(p):
    """One generator for each picture's noise under the inpaint mask (the seed Forge leaves its global one at)."""
    return [rng.create_generator((int(seed) + 100000) % 65536) for seed in p.seeds]
