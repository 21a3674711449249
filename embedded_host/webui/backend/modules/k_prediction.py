"""Noise levels and the preconditioning of an eps-predicting model with SD1.5's betas."""

import torch


def scaled_linear_betas(steps=1000, start=0.00085, end=0.012):
    return torch.linspace(start ** 0.5, end ** 0.5, steps, dtype=torch.float64) ** 2


class Prediction(torch.nn.Module):
    """sigmas [1000], ascending: sqrt((1 - alpha_cumprod) / alpha_cumprod)."""

    def __init__(self, betas=None, prediction_type="epsilon"):
        super().__init__()
        self.prediction_type, self.sigma_data = prediction_type, 1.0
        alphas_cumprod = torch.cumprod(1 - (betas if betas is not None else scaled_linear_betas()), dim=0)
        self.register_buffer("alphas_cumprod", alphas_cumprod.float(), persistent=False)
        self.set_sigmas(((1 - alphas_cumprod) / alphas_cumprod) ** 0.5)

    def set_sigmas(self, sigmas):
        self.register_buffer("sigmas", sigmas.float(), persistent=False)
        self.register_buffer("log_sigmas", sigmas.log().float(), persistent=False)

    @property
    def sigma_min(self):
        return self.sigmas[0]

    @property
    def sigma_max(self):
        return self.sigmas[-1]

    def calculate_input(self, sigma, noise):
        sigma = sigma.view(-1, *[1] * (noise.ndim - 1))
        return noise / (sigma ** 2 + self.sigma_data ** 2) ** 0.5

    def calculate_denoised(self, sigma, model_output, model_input):
        sigma = sigma.view(-1, *[1] * (model_output.ndim - 1))
        if self.prediction_type == "v_prediction":
            total = sigma ** 2 + self.sigma_data ** 2
            return model_input * self.sigma_data ** 2 / total - model_output * sigma * self.sigma_data / total ** 0.5
        return model_input - model_output * sigma

    def noise_scaling(self, sigma, noise, latent_image, max_denoise=False):
        return noise * (torch.sqrt(1 + sigma ** 2) if max_denoise else sigma) + latent_image

    def inverse_noise_scaling(self, sigma, latent):
        return latent

    def timestep(self, sigma):
        """The integer step whose sigma is nearest, in log."""
        distances = sigma.log().to(self.log_sigmas.device) - self.log_sigmas[:, None]
        return distances.abs().argmin(dim=0).view(sigma.shape).to(sigma.device)

    def sigma(self, timestep):
        """The noise level of a fractional step, log-linear between its neighbours."""
        t = torch.clamp(timestep.float().to(self.log_sigmas.device), 0, len(self.sigmas) - 1)
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        log_sigma = (1 - weight) * self.log_sigmas[low] + weight * self.log_sigmas[high]
        return log_sigma.exp().to(timestep.device)

    def percent_to_sigma(self, percent):
        """The sigma at a fraction of the whole range of steps; 0 -> larger than any, 1 -> 0."""
        if percent <= 0:
            return 999999999.9
        if percent >= 1:
            return 0.0
        return self.sigma(torch.tensor((1 - percent) * 999.0)).item()
