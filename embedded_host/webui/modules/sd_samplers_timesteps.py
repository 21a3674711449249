"""DDIM, which walks model steps. As in A1111, the lowest step is where it arrives, so n steps are n - 1 calls."""

import torch

from backend.sampling.sampling_function import sampling_cleanup, sampling_prepare
from modules import sd_samplers_common
from modules.sd_samplers_kdiffusion import blend_generators


class CompVisSampler(sd_samplers_common.Sampler):
    def __init__(self, stepper, model):
        super().__init__(stepper, model)
        self.eta_option_field, self.eta_infotext_field, self.eta_default = "eta_ddim", "Eta DDIM", 0.0

    def get_timesteps(self, p, steps):
        """int64, ascending: 1, 1 + 1000 // steps, …, at most 999."""
        return torch.clip(torch.arange(0, 1000, 1000 // steps) + 1, 0, 999)

    def sample(self, p, x, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        """x: unit noise, taken for the noisy latent of the highest step."""
        steps = steps or p.steps
        timesteps = self.get_timesteps(p, steps)
        return self._walk(p, x, timesteps, steps, steps, conditioning, unconditional_conditioning, image_conditioning)

    def sample_img2img(self, p, x, noise, conditioning, unconditional_conditioning, steps=None, image_conditioning=None):
        steps, t_enc = sd_samplers_common.setup_img2img_steps(p, steps)
        timesteps = self.get_timesteps(p, steps)
        alpha = self.model_wrap.predictor.alphas_cumprod[timesteps[t_enc]].to(noise)
        xi = x.to(noise) * alpha.sqrt() + noise * (1 - alpha).sqrt()
        self.model_wrap_cfg.init_latent = x.to(noise)
        self.blend_generators = blend_generators(p)
        return self._walk(p, xi, timesteps[:t_enc], steps, t_enc + 1, conditioning, unconditional_conditioning,
                          image_conditioning)

    def _walk(self, p, x, timesteps, steps, total, cond, uncond, image_cond):
        unet = self.model_wrap.inner_model.forge_objects.unet
        sampling_prepare(unet, x)
        self.initialize(p)
        stepper = self.stepper(timesteps, steps, self.model_wrap.predictor, p.rng.generators, self.eta)
        samples = self.run(p, stepper.start(x), stepper, total, cond, uncond, image_cond)
        sampling_cleanup(unet)
        return samples
