"""Samplers that step through sigmas. Needed by: modules/sd_samplers.py, tests/job (what a job passes to its sampler)."""

from __future__ import annotations

from typing import Any

from modules import script_callbacks
from modules.sd_samplers_common import Sampler, setup_img2img_steps
from modules.shared import opts
from torch import Tensor

from sd_relight.embedded_host.engine.schedules import AUTOMATIC, find_schedule, uniform, with_final_zero


class KDiffusionSampler(Sampler):
    def get_sigmas(self, p: Any, steps: int) -> Tensor:
        """Return float32 [steps + 1], descending, the last one 0."""
        if not opts.always_discard_next_to_last_sigma:
            return self._schedule(p, steps).cpu()
        p.extra_generation_params.update({"Discard penultimate sigma": True})
        sigmas = self._schedule(p, steps + 1).cpu()
        return sigmas[[*range(steps), -1]]

    def _schedule(self, p: Any, steps: int) -> Tensor:
        override = p.sampler_noise_scheduler_override
        if override:
            return override(steps)
        chosen = (p.hr_scheduler if p.is_hr_pass else p.scheduler) or AUTOMATIC.label
        schedule = find_schedule(self.own_schedule if chosen == AUTOMATIC.label else chosen)
        if schedule is None or schedule.sigmas is None:
            return with_final_zero(uniform(steps, self.levels))
        infotext = p.extra_generation_params
        if not p.is_hr_pass:
            infotext["Schedule type"] = schedule.label
        elif infotext.get("Schedule type") != schedule.label:
            infotext["Hires schedule type"] = schedule.label
        return with_final_zero(schedule.sigmas(steps, self.levels))

    def sample(self, p: Any, x: Tensor, conditioning: Tensor, unconditional_conditioning: Tensor | None,
               steps: int | None = None, image_conditioning: Tensor | None = None) -> Tensor:
        """x: standard normal noise [B, 4, h, w]; sampling starts at sigma_max · x."""
        count = steps or p.steps
        sigmas = self.get_sigmas(p, count)
        stepper = self.stepper(sigmas, p.rng.generators, self.eta(p))
        return self.run(p, x * sigmas[0].to(x), stepper, count, conditioning, unconditional_conditioning, image_conditioning)

    def sample_img2img(self, p: Any, x: Tensor, noise: Tensor, conditioning: Tensor, unconditional_conditioning: Tensor | None,
                       steps: int | None = None, image_conditioning: Tensor | None = None) -> Tensor:
        """x: scaled latent [B, 4, h, w], noised to the sigma where the denoising strength starts."""
        scheduled, last = setup_img2img_steps(p, steps)
        sigmas = self.get_sigmas(p, scheduled)[scheduled - last - 1:]
        self.init_latent = latent = x.to(noise)
        start = self._with_extra_noise(p, noise, latent, latent + sigmas[0].to(noise) * noise)
        stepper = self.stepper(sigmas, p.rng.generators, self.eta(p))
        return self.run(p, start, stepper, last + 1, conditioning, unconditional_conditioning, image_conditioning)

    def _with_extra_noise(self, p: Any, noise: Tensor, latent: Tensor, start: Tensor) -> Tensor:
        amount = opts.img2img_extra_noise
        if amount <= 0:
            return start
        p.extra_generation_params.update({"Extra noise": amount})
        given = script_callbacks.ExtraNoiseParams(noise, latent, start)
        script_callbacks.extra_noise_callback(given)
        return start + given.noise * amount
