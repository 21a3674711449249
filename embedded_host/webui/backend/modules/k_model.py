"""The UNet with its preconditioning: sigma and noisy latent in, denoised latent out."""

import torch

from modules import devices


class KModel(torch.nn.Module):
    """Parameters are named `diffusion_model.<LDM key>`. config.latent_format.scale_factor is the VAE's."""

    def __init__(self, diffusion_model, predictor, config):
        super().__init__()
        self.config = config
        self.storage_dtype = self.computation_dtype = devices.dtype_unet
        self.diffusion_model = diffusion_model
        self.predictor = predictor

    def apply_model(self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs):
        """x: [B, 4, h, w] at noise level t (sigma, [B]). Returns the denoised latent, float32."""
        model_input = self.predictor.calculate_input(t, x)
        if c_concat is not None:
            model_input = torch.cat([model_input, c_concat.to(model_input)], dim=1)
        dtype = self.computation_dtype
        kwargs = {k: v.to(dtype) if torch.is_tensor(v) and v.is_floating_point() else v for k, v in kwargs.items()}
        eps = self.diffusion_model(
            model_input.to(dtype), self.predictor.timestep(t).float(), context=c_crossattn.to(dtype), control=control,
            transformer_options=transformer_options if transformer_options is not None else {}, **kwargs).float()
        return self.predictor.calculate_denoised(t, eps, x)

    def memory_required(self, input_shape):
        return 1.28 * input_shape[0] * input_shape[2] * input_shape[3] * 4 * 16384
