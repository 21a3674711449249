"""DDIM, which steps through the model's timesteps. Needed by: modules/sd_samplers.py.

As in A1111, the lowest timestep is where sampling ends, so n steps are n - 1 calls of the UNet.
"""

from __future__ import annotations

from typing import Any

from modules.sd_samplers_common import Sampler, setup_img2img_steps
from torch import Tensor

from sd_relight.embedded_host.engine.steppers import ddim_timesteps


class CompVisSampler(Sampler):
    eta_fields = ("eta_ddim", "Eta DDIM", 0.0)

    def get_timesteps(self, p: Any, steps: int) -> Tensor:
        """Return int64 timesteps, ascending."""
        return ddim_timesteps(steps)

    def sample(self, p: Any, x: Tensor, conditioning: Tensor, unconditional_conditioning: Tensor | None,
               steps: int | None = None, image_conditioning: Tensor | None = None) -> Tensor:
        """x: standard normal noise [B, 4, h, w], taken for the noisy latent of the highest timestep."""
        count = steps or p.steps
        stepper = self._stepper(p, self.get_timesteps(p, count), count)
        return self.run(p, x, stepper, count, conditioning, unconditional_conditioning, image_conditioning)

    def sample_img2img(self, p: Any, x: Tensor, noise: Tensor, conditioning: Tensor, unconditional_conditioning: Tensor | None,
                       steps: int | None = None, image_conditioning: Tensor | None = None) -> Tensor:
        """x: scaled latent [B, 4, h, w], mixed with noise to the timestep where the denoising strength starts; returned as it is
        for a strength of 0."""
        scheduled, last = setup_img2img_steps(p, steps)
        if scheduled == 0:
            return x
        ascending = self.get_timesteps(p, scheduled)
        alpha = self.levels.alphas_cumprod[ascending[last]].to(noise)
        self.init_latent = x.to(noise)
        start = self.init_latent * alpha.sqrt() + noise * (1 - alpha).sqrt()
        stepper = self._stepper(p, ascending[:last], scheduled)
        return self.run(p, start, stepper, last + 1, conditioning, unconditional_conditioning, image_conditioning)

    def _stepper(self, p: Any, timesteps: Tensor, steps: int) -> Any:
        return self.stepper(timesteps, steps, self.levels, p.rng.generators, self.eta(p))
