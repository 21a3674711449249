"""Image projections from encoder output or face embedding to tokens; every size comes from the file.

Written from the formulas of tencent-ailab/IP-Adapter (ip_adapter/ip_adapter.py, ip_adapter_faceid.py, resampler.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import DamagedAdapterError


class ImageProjection(nn.Module):
    """Base: image_embeds [N, input] -> [N, tokens, output]."""

    def __init__(self, input: int, output: int, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Linear(input, tokens * output)
        self.norm = nn.LayerNorm(output)

    def forward(self, embeds: Tensor) -> Tensor:
        return self.norm(self.proj(embeds).unflatten(-1, (self.tokens, -1)))


class FullProjection(nn.Module):
    """Full face: hidden states [N, 257, input] -> [N, 257, output]."""

    def __init__(self, input: int, hidden: int, output: int, tokens: int = 257):
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(input, hidden), nn.GELU(), nn.Linear(hidden, output), nn.LayerNorm(output))

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.proj(hidden_states)


class FaceProjection(nn.Module):
    """FaceID and Portrait: face embedding [N, 512] -> [N, tokens, output]."""

    def __init__(self, input: int, hidden: int, output: int, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Sequential(nn.Linear(input, hidden), nn.GELU(), nn.Linear(hidden, tokens * output))
        self.norm = nn.LayerNorm(output)

    def forward(self, face: Tensor) -> Tensor:
        return self.norm(self.proj(face).unflatten(-1, (self.tokens, -1)))


class PerceiverAttention(nn.Module):
    """The latents attend to the input and to themselves. x: [N, S, dim], latents: [N, T, dim] -> [N, T, dim]."""

    def __init__(self, dim: int, heads: int, head_width: int = 64):
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, dim, bias=False)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        latents = self.norm2(latents)
        q = self.to_q(latents)
        k, v = self.to_kv(torch.cat([self.norm1(x), latents], dim=1)).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        scale = 1 / math.sqrt(math.sqrt(q.shape[-1]))
        weight = torch.softmax((q * scale) @ (k * scale).transpose(-2, -1), dim=-1)
        return self.to_out((weight @ v).transpose(1, 2).flatten(-2))


def feed_forward(dim: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden, bias=False), nn.GELU(),
                         nn.Linear(hidden, dim, bias=False))


class Perceiver(nn.Module):
    """Base of Resampler and FacePlusProjection; the caller supplies the latents."""

    def __init__(self, input: int, dim: int, heads: int, depth: int, hidden: int, output: int):
        super().__init__()
        self.proj_in = nn.Linear(input, dim)
        self.proj_out = nn.Linear(dim, output)
        self.norm_out = nn.LayerNorm(output)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(dim, heads), feed_forward(dim, hidden)]) for _ in range(depth))

    def perceive(self, latents: Tensor, x: Tensor) -> Tensor:
        x = self.proj_in(x)
        for layer in self.layers:
            attend, feed = layer.children()
            latents = attend(x, latents) + latents
            latents = feed(latents) + latents
        return self.norm_out(self.proj_out(latents))


class Resampler(Perceiver):
    """Plus: hidden states [N, S, input] -> [N, tokens, output]. Portrait-unnorm feeds a face as [N, 1, 512]."""

    def __init__(self, tokens: int, **sizes: int):
        super().__init__(**sizes)
        self.latents = nn.Parameter(torch.zeros(1, tokens, sizes["dim"]))

    def forward(self, x: Tensor) -> Tensor:
        return self.perceive(self.latents.expand(len(x), -1, -1), x)


class FacePlusProjection(nn.Module):
    """FaceID-Plus: face [N, 512] and hidden states [N, S, width] of its aligned image -> [N, tokens, output].

    shortcut (PlusV2): identity + scale · perceived, else the perceived tokens alone.
    """

    def __init__(self, input: int, id_hidden: int, output: int, tokens: int, resampler: dict[str, int], shortcut: bool = False):
        super().__init__()
        self.tokens, self.shortcut = tokens, shortcut
        self.proj = nn.Sequential(nn.Linear(input, id_hidden), nn.GELU(), nn.Linear(id_hidden, tokens * output))
        self.norm = nn.LayerNorm(output)
        self.perceiver_resampler = Perceiver(**resampler)

    def forward(self, face: Tensor, hidden_states: Tensor, scale: float = 1.0) -> Tensor:
        identity = self.norm(self.proj(face).unflatten(-1, (self.tokens, -1)))
        perceived = self.perceiver_resampler.perceive(identity, hidden_states)
        return identity + scale * perceived if self.shortcut else perceived


def build_projection(module: nn.Module, name: str, weights: Mapping[str, Tensor],
                     dtype: torch.dtype = torch.float32) -> nn.Module:
    """Load weights into a module built on the meta device; returns it on the CPU in evaluation mode. name: of the file."""
    check_shapes(module, name, {key: tuple(tensor.shape) for key, tensor in weights.items()})
    module.load_state_dict({key: weights[key].to(dtype) for key in module.state_dict()}, assign=True)
    return module.eval().requires_grad_(False)


def check_shapes(module: nn.Module, name: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise IpAdapterError for a weight of the projection that is missing or has another shape. name: of the file."""
    expected = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    if missing := sorted(set(expected) - set(shapes)):
        raise DamagedAdapterError(f"`{name}` lacks `image_proj.{missing[0]}` ({len(missing)} weights missing); the file is "
                                  "damaged, download it again.")
    for key, shape in expected.items():
        if shapes[key] != shape:
            raise DamagedAdapterError(f"`{name}`: `image_proj.{key}` is {shapes[key]}, expected {shape}; the file is damaged, "
                                      "download it again.")
