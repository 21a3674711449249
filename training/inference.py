"""Samples with plain diffusers modules, as WebUIs do.

eta 0 is deterministic (Euler and DDIM are equivalent here); eta 1 adds new noise in each step, as Euler a does, which
suits these models: it corrects the errors of earlier steps and preserves colours.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

from .adapters import add_processors, load_adapter, set_adapter_scale
from .latents import TIMESTEPS, add_noise, build_scheduler, decode, encode
from .models import ImageProjection, load_unet
from .tokenizer import token_ids
from .widen import silent


def sampling_times(steps: int, strength: float) -> Tensor:
    """Return the timesteps of `steps` executed steps, int64, descending: the end of a schedule 1/strength as long."""
    return torch.linspace(TIMESTEPS - 1, 0, round(steps / strength)).round().long()[-steps:]


def ddim_step(x: Tensor, eps: Tensor, fresh: Tensor, a: Tensor, after: Tensor, eta: float) -> Tensor:
    """Step from the noise level of alpha_bar `a` to that of `after` (1 = none); eta: share of ancestral noise, 0..1."""
    clean = (x - (1 - a).sqrt() * eps) / a.sqrt()
    new = eta * ((1 - after) / (1 - a) * (1 - a / after)).sqrt()
    return after.sqrt() * clean + (1 - after - new**2).clamp_min(0).sqrt() * eps + new * fresh


@torch.no_grad()
def pad_heads(unet: nn.Module, width: int = 16) -> None:
    """Zero-pad self-attention heads to `width`: torch's CPU kernel is a third faster on 16 than on 4."""
    for attention in (m for name, m in unet.named_modules() if name.endswith("attn1")):
        inner = attention.to_q.out_features
        if inner >= width * attention.heads:
            continue
        spread, pick = silent(inner, width * attention.heads, attention.heads)
        attention.to_q.weight *= (width * attention.heads / inner) ** 0.5  # attention divides by the root of the head width
        for linear in (attention.to_q, attention.to_k, attention.to_v):
            linear.weight = nn.Parameter(spread @ linear.weight)
        attention.to_out[0].weight = nn.Parameter(attention.to_out[0].weight @ pick)


class Sampler:
    """Samples with one models folder. kinds: of base, fc, fbc. adapter: also load the IP-Adapter for image prompts."""

    def __init__(self, models: Path, kinds: tuple[str, ...], *, adapter: bool = False, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.vae = AutoencoderKL.from_pretrained(models / "vae", torch_dtype=torch.float32).eval().to(self.device)
        self.text = CLIPTextModel.from_pretrained(models / "text_encoder", torch_dtype=torch.float32).eval()
        self.text.to(self.device)
        self.tokenizer = CLIPTokenizer.from_pretrained(models / "tokenizer")
        self.unets = {k: load_unet(models, k).to(self.device, memory_format=torch.channels_last) for k in kinds}
        for unet in self.unets.values():
            pad_heads(unet)
        self.alphas = build_scheduler().alphas_cumprod.to(self.device)
        self.vision = self.projection = None
        if adapter:
            self.add_adapter(models)

    def add_adapter(self, models: Path) -> None:
        vision = CLIPVisionModelWithProjection.from_pretrained(models / "image_encoder", torch_dtype=torch.float32)
        self.vision, self.projection = vision.eval().to(self.device), ImageProjection().to(self.device)
        state = load_file(str(models / "ip-adapter.safetensors"))
        for unet in self.unets.values():
            add_processors(unet)
            load_adapter(unet, self.projection, state)
            unet.to(self.device)

    def encode(self, images: Tensor) -> Tensor:
        return encode(self.vae, images.to(self.device))

    def context(self, kind: str, prompts: list[str], reference: Tensor | None, weight: float):
        """Return hidden states of prompts and empty prompts; with an adapter also the reference's tokens and zeros."""
        hidden = self.text(token_ids(self.tokenizer, prompts + [""] * len(prompts)).to(self.device)).last_hidden_state
        if self.vision is None:
            return hidden
        set_adapter_scale(self.unets[kind], 0.0 if reference is None else weight)
        blank = torch.zeros(len(prompts), self.projection.proj.in_features, device=self.device)
        embeds = blank if reference is None else self.vision(reference.to(self.device)).image_embeds
        return hidden, [self.projection(torch.cat([embeds, blank]))]

    @torch.no_grad()
    def sample(self, kind: str, prompts: list[str], *, init: Tensor | None = None, strength: float = 1.0,
               concat: Tensor | None = None, reference: Tensor | None = None, weight: float = 1.0, steps: int = 12,
               cfg: float = 2.0, eta: float = 1.0, seed: int = 0, size: int = 256) -> Tensor:
        """Return images [B, 3, size, size], 0..1.

        init: scaled latents that the run starts from (light map; broadcast). strength as IC-Light counts it: all steps run.
        concat: the condition latents, foreground then background. reference: CLIP input [B, 3, 224, 224].
        """
        count = len(prompts)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn((count, 4, size // 8, size // 8), generator=generator)
        times = sampling_times(steps, strength).to(self.device)
        start = torch.zeros_like(noise) if init is None else init.expand(count, -1, -1, -1).cpu()
        x = add_noise(start.to(self.device), noise.to(self.device), self.alphas[times[:1]])
        context = self.context(kind, prompts, reference, weight)
        for i, t in enumerate(times):
            x_in = x if concat is None else torch.cat([x, concat], 1)
            both = torch.cat([x_in, x_in]).contiguous(memory_format=torch.channels_last)
            positive, negative = self.unets[kind](both, t, context).sample.chunk(2)
            eps = negative + cfg * (positive - negative)
            after = self.alphas[times[i + 1]] if i + 1 < len(times) else torch.ones_like(self.alphas[t])
            fresh = torch.randn(noise.shape, generator=generator).to(self.device)
            x = ddim_step(x, eps, fresh, self.alphas[t], after, eta)
        return decode(self.vae, x).cpu()

    def sample_many(self, kind: str, prompts: list[str], *, batch: int = 8, seed: int = 0, concat: Tensor | None = None,
                    reference: Tensor | None = None, **options) -> Tensor:
        """Call sample() in batches, each with its own seed."""
        parts = []
        for at in range(0, len(prompts), batch):
            rows = slice(at, at + batch)
            parts.append(self.sample(
                kind, prompts[rows], seed=seed + at, concat=None if concat is None else concat[rows],
                reference=None if reference is None else reference[rows], **options))
        return torch.cat(parts)
