"""From a noisy latent to a denoised one: mask blending, callbacks, guidance."""

import torch

from backend.sampling.sampling_function import sampling_function
from modules import script_callbacks, scripts, shared
from modules.sd_samplers_common import InterruptedException, store_latent
from modules.shared import state


class ModelWrap:
    """What extensions find in denoiser.inner_model: the noise levels and, in .inner_model, p.sd_model."""

    def __init__(self, sd_model):
        self.inner_model = sd_model
        self.predictor = sd_model.forge_objects.unet.model.predictor

    @property
    def sigmas(self):
        return self.predictor.sigmas

    @property
    def log_sigmas(self):
        return self.predictor.log_sigmas

    def t_to_sigma(self, t):
        return self.predictor.sigma(t)

    def sigma_to_t(self, sigma):
        return self.predictor.timestep(sigma)


class CFGDenoiser:
    def __init__(self, sampler):
        self.sampler = sampler
        self.p = self.mask = self.nmask = self.init_latent = self.steps = self.total_steps = None
        self.image_cfg_scale = None
        self.step = 0
        self.inner_model = ModelWrap(shared.sd_model)

    def update_inner_model(self):
        cond, uncond = self.p.get_conds()
        self.sampler.sampler_extra_args.update(cond=cond, uncond=uncond)

    def __call__(self, x, sigma, uncond, cond, cond_scale, s_min_uncond, image_cond):
        """x: [B, 4, h, w] at noise level sigma [B] -> denoised, same shape. Raises InterruptedException."""
        if state.interrupted or state.skipped:
            raise InterruptedException
        if self.mask is not None:
            x = x * self.nmask + self._noisy_init(sigma) * self.mask
        params = script_callbacks.CFGDenoiserParams(x, image_cond, sigma, state.sampling_step, state.sampling_steps,
                                                    cond, uncond, self)
        script_callbacks.cfg_denoiser_callback(params)
        cond_scale = self._cond_scale(cond_scale, sigma, s_min_uncond)
        denoised, _, _ = sampling_function(self, params, cond_scale)
        if self.mask is not None:
            denoised = self._blend(denoised, sigma)
        self.sampler.last_latent = denoised
        store_latent(denoised)
        after = script_callbacks.AfterCFGCallbackParams(denoised, state.sampling_step, state.sampling_steps)
        script_callbacks.cfg_after_cfg_callback(after)
        self.step += 1
        return after.x.to(x)

    def _cond_scale(self, cond_scale, sigma, s_min_uncond):
        if self.p.is_hr_pass:
            cond_scale = self.p.hr_cfg
        early = shared.opts.skip_early_cond
        if early > 0 and self.step / self.total_steps <= early:
            self.p.extra_generation_params["Skip Early CFG"] = early
            return 1.0
        if self.step % 2 and s_min_uncond > 0 and sigma[0] < s_min_uncond:
            self.p.extra_generation_params["NGMS"] = s_min_uncond
            return 1.0
        return cond_scale

    def _noisy_init(self, sigma):
        noise = torch.stack([torch.randn(self.init_latent.shape[1:], generator=generator)
                             for generator in self.sampler.blend_generators]).to(self.init_latent)
        return self.init_latent + noise * sigma[:, None, None, None]

    def _blend(self, denoised, sigma):
        blended = denoised * self.nmask + self.init_latent * self.mask
        if self.p.scripts is None:
            return blended
        mba = scripts.MaskBlendArgs(denoised, self.nmask, self.init_latent, self.mask, blended, denoiser=self, sigma=sigma)
        self.p.scripts.on_mask_blend(self.p, mba)
        return mba.blended_latent
