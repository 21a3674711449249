"""IC-Light's demos written out on diffusers' networks: the reference that `dev.py verify` compares Relight with.

Nothing here calls lib_iclight's arithmetic. The sampler is Euler, which draws no noise of its own, so that two runs can be equal.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from ..lib_iclight.keymap import unet_key_map_inverse

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.")
TOKENS = 77


def cut_on_grey(photo: Image.Image, matte: Image.Image) -> Image.Image:
    """Composite the subject over grey 127 at the photograph's size, truncated to bytes."""
    pixels, alpha = np.asarray(photo.convert("RGB"), np.float32), np.asarray(matte.convert("L"), np.float32)[..., None] / 255
    return Image.fromarray((127 + (pixels - 127) * alpha).clip(0, 255).astype(np.uint8))


def resize_and_crop(image: Image.Image, width: int, height: int) -> Image.Image:
    """Fill width x height with the middle of the image, Lanczos."""
    scale = max(width / image.width, height / image.height)
    wide, high = round(image.width * scale), round(image.height * scale)
    resized = image.resize((wide, high), Image.LANCZOS)
    return resized.crop(((wide - width) / 2, (high - height) / 2, (wide + width) / 2, (high + height) / 2))


def to_pixels(image: Image.Image) -> Tensor:
    """Convert to float32 [1, 3, H, W]: x / 127 - 1."""
    return (torch.from_numpy(np.asarray(image).copy())[None].float() / 127.0 - 1.0).movedim(-1, 1)


def gradient(side: str, width: int, height: int) -> Image.Image:
    """Return the light map of a side: 255 at the light, 0 opposite."""
    ramp = np.linspace(255, 0, width if side in ("left", "right") else height)
    ramp = ramp[::-1] if side in ("right", "bottom") else ramp
    plane = np.tile(ramp, (height, 1)) if side in ("left", "right") else np.tile(ramp[:, None], (1, width))
    return Image.fromarray(np.stack((plane,) * 3, axis=-1).astype(np.uint8))


def read_offsets(path: Path) -> dict[str, Tensor]:
    """Read an IC-Light file as float32 under diffusers' names."""
    rename, offsets = unet_key_map_inverse(), {}
    for key, value in load_file(path).items():
        bare = next((key[len(prefix):] for prefix in PREFIXES if key.startswith(prefix)), key)
        offsets[rename.get(bare, bare)] = value.float()
    return offsets


class Original:
    """The demos' pipeline on copies of a checkpoint's networks. The UNet runs in the host's dtype, all around it in float32.

    model: the embedded host's, without weight patches.
    """

    def __init__(self, model: Any):
        parts = model.forge_objects_original
        parts.unet.load()
        self.plain = copy.deepcopy(parts.unet.model.diffusion_model.network)
        self.plain.set_attn_processor(AttnProcessor2_0())
        self.vae, engine = parts.vae.first_stage_model, model.text_processing_engine
        self.text, self.tokenizer = engine.transformer, engine.tokenizer
        self.device, self.dtype = self.plain.device, self.plain.dtype
        steps = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - steps, dim=0)
        self.log_sigmas = (((1 - kept) / kept) ** 0.5).log().float()

    @torch.no_grad()
    def widened(self, channels: int) -> Any:
        """Return a copy of the UNet whose conv_in reads this many channels, the further ones with weights of zero."""
        unet, old = copy.deepcopy(self.plain), self.plain.conv_in
        unet.conv_in = torch.nn.Conv2d(channels, old.out_channels, old.kernel_size, old.stride, old.padding).to(old.weight)
        unet.conv_in.weight.zero_()
        unet.conv_in.weight[:, :old.in_channels] = old.weight
        unet.conv_in.bias.copy_(old.bias)
        return unet.eval().requires_grad_(False)

    @torch.no_grad()
    def merged(self, path: Path) -> tuple[Any, dict[str, Tensor]]:
        """Return the UNet for a file, conv_in widened and the offset added to every weight; and the offsets."""
        offsets = read_offsets(path)
        unet = self.widened(offsets["conv_in.weight"].shape[1])
        weights = unet.state_dict()
        unet.load_state_dict({key: weights[key] + offsets[key].to(weights[key]) for key in weights}, strict=True)
        return unet, offsets

    @torch.no_grad()
    def encode(self, image: Image.Image, is_sampled: bool = False) -> Tensor:
        """Return the posterior's mode, or a sample of it, times the scaling factor, [1, 4, H/8, W/8]."""
        moments = self.vae.encoder(to_pixels(image).to(self.device))
        mean, log_variance = (moments if self.vae.quant_conv is None else self.vae.quant_conv(moments)).chunk(2, dim=1)
        if is_sampled:
            mean = mean + (0.5 * log_variance.clamp(-30, 20)).exp() * torch.randn_like(mean)
        return mean * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Image.Image:
        latent = latent / self.vae.config.scaling_factor
        pixels = self.vae.decoder(latent if self.vae.post_quant_conv is None else self.vae.post_quant_conv(latent))
        return Image.fromarray((pixels[0].float().movedim(0, -1).cpu().numpy() * 127.5 + 127.5).clip(0, 255).astype(np.uint8))

    @torch.no_grad()
    def tokens(self, prompt: str) -> Tensor:
        """Encode a prompt of at most 75 tokens, [1, 77, D]."""
        ids = self.tokenizer(prompt, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")["input_ids"]
        return self.text(ids.to(self.device)).last_hidden_state

    def sigmas(self, steps: int, strength: float) -> Tensor:
        """Return the noise levels of the steps that run, and a final 0: the end of a schedule 1/strength as long."""
        times = torch.linspace(999, 0, round(steps / strength))[-steps:]
        low, high = times.floor().long(), times.ceil().long()
        levels = torch.lerp(self.log_sigmas[low], self.log_sigmas[high], times.frac()).exp()
        return torch.cat([levels, torch.zeros(1)])

    def start(self, light: Tensor | None, seed: int, shape: torch.Size, sigma: Tensor) -> Tensor:
        noise = torch.randn(shape[1:], generator=torch.Generator().manual_seed(seed))[None].to(self.device)
        return noise * sigma + (0 if light is None else light)

    @torch.no_grad()
    def predict(self, unet: Any, x: Tensor, sigma: Tensor, text: Tensor, condition: Tensor) -> Tensor:
        """Return the UNet's noise prediction for x = latent + sigma · noise, rows as given."""
        time = (self.log_sigmas - sigma.cpu().log()).abs().argmin()
        scaled = x / (1 + sigma.to(x) ** 2) ** 0.5
        rows = torch.cat([scaled, condition.to(x).expand(len(x), -1, -1, -1)], dim=1)
        return unet(rows.to(self.dtype), time.to(x.device), text.to(self.dtype)).sample.to(x)

    def sample(self, unet: Any, x: Tensor, sigmas: Tensor, texts: tuple[Tensor, Tensor], condition: Tensor, cfg: float) -> Tensor:
        """Run Euler's steps from x. texts: of the prompt and of the negative prompt."""
        both = torch.cat(texts)
        for now, after in zip(sigmas, sigmas[1:]):
            positive, negative = self.predict(unet, x.repeat(2, 1, 1, 1), now, both, condition).chunk(2)
            x = x + (negative + cfg * (positive - negative)) * (after - now).to(x)
        return x
