"""The VAE behind Forge's interface: pictures [B, H, W, C] in 0..1, latents unscaled."""

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from backend import memory_management
from backend.patcher.base import ModelPatcher


class FirstStage(torch.nn.Module):
    """diffusers' AutoencoderKL as Forge's first_stage_model: encode gives a latent, not a distribution."""

    def __init__(self, autoencoder):
        super().__init__()
        self.encoder, self.decoder = autoencoder.encoder, autoencoder.decoder
        self.quant_conv, self.post_quant_conv = autoencoder.quant_conv, autoencoder.post_quant_conv
        self.config = autoencoder.config
        self.scaling_factor = autoencoder.config.scaling_factor
        self.shift_factor = getattr(autoencoder.config, "shift_factor", None) or 0.0

    def encode(self, x, regulation=None):
        """x: [B, 3, H, W], -1..1. regulation: posterior -> latent; default a sample with torch's global generator."""
        moments = self.encoder(x)
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        posterior = DiagonalGaussianDistribution(moments)
        return posterior.sample() if regulation is None else regulation(posterior)

    def decode(self, z):
        return self.decoder(z if self.post_quant_conv is None else self.post_quant_conv(z))

    def process_in(self, latent):
        return (latent - self.shift_factor) * self.scaling_factor

    def process_out(self, latent):
        return latent / self.scaling_factor + self.shift_factor


class VAE:
    def __init__(self, model=None, device=None, dtype=None, no_init=False):
        if no_init:
            return
        self.first_stage_model = model.eval()
        self.device = device or memory_management.vae_device()
        self.vae_dtype = dtype or memory_management.vae_dtype()
        self.output_device = memory_management.intermediate_device()
        self.downscale_ratio = 2 ** (len(model.config.block_out_channels) - 1)
        self.latent_channels = model.config.latent_channels
        self.first_stage_model.to(device=self.device, dtype=self.vae_dtype)
        self.patcher = ModelPatcher(model, load_device=self.device, offload_device=self.device)

    def clone(self):
        other = VAE(no_init=True)
        other.__dict__.update(self.__dict__)
        other.patcher = self.patcher.clone()
        return other

    def memory_used_encode(self, shape, dtype):
        return 1767 * shape[2] * shape[3] * memory_management.dtype_size(dtype)

    def memory_used_decode(self, shape, dtype):
        return 2178 * shape[2] * shape[3] * 64 * memory_management.dtype_size(dtype)

    @torch.no_grad()
    def encode_inner(self, pixel_samples):
        memory_management.load_model_gpu(self.patcher)
        regulation = self.patcher.model_options.get("model_vae_regulation")
        pixels = (2 * pixel_samples.movedim(-1, 1) - 1).to(device=self.device, dtype=self.vae_dtype)
        latents = [self.first_stage_model.encode(one[None], regulation) for one in pixels]
        return torch.cat(latents).to(self.output_device).float()

    def encode(self, pixel_samples):
        """[B, H, W, 3] in 0..1 -> [B, 4, H/8, W/8], float32, not scaled."""
        wrapper = self.patcher.model_options.get("model_vae_encode_wrapper")
        return self.encode_inner(pixel_samples) if wrapper is None else wrapper(self.encode_inner, pixel_samples)

    @torch.no_grad()
    def decode_inner(self, samples_in):
        memory_management.load_model_gpu(self.patcher)
        latents = samples_in.to(device=self.device, dtype=self.vae_dtype)
        pixels = torch.cat([self.first_stage_model.decode(one[None]) for one in latents])
        return torch.clamp((pixels.float() + 1) / 2, 0, 1).to(self.output_device).movedim(1, -1)

    def decode(self, samples_in):
        """[B, 4, h, w], not scaled -> [B, 8h, 8w, 3] in 0..1."""
        wrapper = self.patcher.model_options.get("model_vae_decode_wrapper")
        return self.decode_inner(samples_in) if wrapper is None else wrapper(self.decode_inner, samples_in)
