"""One step of each sampler, by diffusers' schedulers on our own sigmas.

x is the latent plus sigma times noise; the schedulers of DPM++ and DDIM want it divided by sqrt(1 + sigma²).
"""

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)

BETAS = {"num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


class EulerStepper:
    """sigmas: [n + 1], descending; generators: one for each picture, for samplers that add noise."""

    uses_eta = False

    def __init__(self, sigmas, generators, eta=1.0):
        self.sigmas, self.count, self.generators, self.eta = sigmas.float().cpu(), len(sigmas) - 1, generators, eta
        self.scheduler = self.make_scheduler()
        self.scheduler.sigmas = self.sigmas
        self.scheduler.timesteps = torch.arange(self.count, 0, -1, dtype=torch.float32)
        self.scheduler.num_inference_steps = self.count
        self.scheduler.is_scale_input_called = True
        self.scheduler.set_begin_index(0)

    def make_scheduler(self):
        return EulerDiscreteScheduler(**BETAS, prediction_type="sample")

    def step(self, index, x, denoised):
        return self.scheduler.step(denoised, self.scheduler.timesteps[index], x).prev_sample

    def finish(self, x):
        return x


class EulerAncestralStepper(EulerStepper):
    """eta 1 is the scheduler's own step; another eta scales the noise it adds (k-diffusion's formula)."""

    uses_eta = True

    def make_scheduler(self):
        return EulerAncestralDiscreteScheduler(**BETAS, prediction_type="epsilon")

    def step(self, index, x, denoised):
        sigma, following = self.sigmas[index].item(), self.sigmas[index + 1].item()
        if self.eta == 1.0:
            eps = (x - denoised) / sigma
            return self.scheduler.step(eps, self.scheduler.timesteps[index], x, generator=self.generators).prev_sample
        up = min(following, self.eta * (following ** 2 * (sigma ** 2 - following ** 2) / sigma ** 2) ** 0.5)
        down = (following ** 2 - up ** 2) ** 0.5
        x = x + (x - denoised) / sigma * (down - sigma)
        return x if up == 0 else x + noise_like(x, self.generators) * up


class DpmStepper(EulerStepper):
    algorithm = "dpmsolver++"

    def make_scheduler(self):
        return DPMSolverMultistepScheduler(**BETAS, prediction_type="sample", algorithm_type=self.algorithm,
                                           solver_order=2, solver_type="midpoint", final_sigmas_type="zero")

    def noise(self, x):
        return None

    def step(self, index, x, denoised):
        scale = (1 + self.sigmas[index:index + 2] ** 2).sqrt().to(x)
        given = {"variance_noise": self.noise(x)} if self.algorithm.startswith("sde") else {}
        moved = self.scheduler.step(denoised, self.scheduler.timesteps[index], x / scale[0], **given).prev_sample
        return moved * scale[1]


class DpmSdeStepper(DpmStepper):
    algorithm = "sde-dpmsolver++"

    def noise(self, x):
        return noise_like(x, self.generators)


class DdimStepper:
    """timesteps: ascending; the walk goes from the last down to the first, where it ends."""

    uses_eta = True

    def __init__(self, timesteps, steps, predictor, generators, eta=0.0):
        self.descending, self.count = timesteps.flip(0), max(len(timesteps) - 1, 0)
        self.sigmas = predictor.sigmas.cpu()[self.descending]
        self.generators, self.eta = generators, eta
        self.scheduler = DDIMScheduler(**BETAS, prediction_type="sample", clip_sample=False, set_alpha_to_one=False)
        self.scheduler.num_inference_steps = steps

    def _scale(self, index, x):
        return (1 + self.sigmas[index] ** 2).sqrt().to(x)

    def start(self, x):
        return x * self._scale(0, x) if len(self.sigmas) else x

    def step(self, index, x, denoised):
        noise = noise_like(x, self.generators) if self.eta > 0 else None
        moved = self.scheduler.step(denoised, int(self.descending[index]), x / self._scale(index, x), eta=self.eta,
                                    variance_noise=noise).prev_sample
        return moved * self._scale(index + 1, x)

    def finish(self, x):
        return x / self._scale(-1, x) if len(self.sigmas) else x


def noise_like(x, generators):
    return torch.stack([torch.randn(x.shape[1:], generator=generator) for generator in generators]).to(x)
