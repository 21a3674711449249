"""Image prompts on a random UNet in two ways, with Relight's patches and with diffusers' own processors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from torch import Tensor

from ..lib_ipadapter.attend.attention import Unit, build_patches
from ..lib_ipadapter.attend.keys_values import compute_keys, size_in_bytes
from ..lib_ipadapter.attend.weight_types import transformer_weights
from .full_size import random_module
from .resources import Stopwatch
from .small_host import MiniHost

PLAIN = "plain UNet"
KINDS = {"one base unit": (4,), "one plus unit": (16,), "four plus units": (16,) * 4}
"""Tokens of each unit."""
CONFIGS = {
    "sd15": dict(cross_attention_dim=768),
    "sdxl": dict(cross_attention_dim=2048, block_out_channels=(320, 640, 1280), layers_per_block=2,
                 attention_head_dim=(5, 10, 20), transformer_layers_per_block=(1, 2, 10),
                 down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                 up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")),
}
LAYER_SPREAD = 0.02


def ours(kind: str) -> str:
    return f"Relight, {kind}"


def theirs(kind: str) -> str:
    return f"diffusers' processors, {kind}"


def random_unet(config: dict[str, Any], device: str, dtype: torch.dtype) -> UNet2DConditionModel:
    return random_module(lambda: UNet2DConditionModel(**config), dtype).to(device)


def random_layers(unet: UNet2DConditionModel) -> dict[int, tuple[Tensor, Tensor]]:
    """Return random weights of an adapter's keys and values, float32: number of the attention layer -> both."""
    generator, found = torch.Generator().manual_seed(0), {}
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            shape = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
            found[number] = tuple(LAYER_SPREAD * torch.randn(shape, generator=generator) for _ in "kv")
    return found


class Ways:
    """One UNet, and each kind of image prompt in two ways. batch: rows that the UNet sees, half of them unconditional.

    calls and layers: name -> a call of the UNet, and of its cross-attention layers alone, on what they read in a plain call.
    kept: bytes that stay beside the UNet while sampling. build_seconds: kind -> of Relight's keys and values, once a job.
    """

    def __init__(self, base: str, config: dict[str, Any], latent: int, batch: int, device: str, dtype: torch.dtype):
        self.base, self.device, self.dtype, self.batch = base, device, dtype, batch
        self.cross = config["cross_attention_dim"]
        self.unet = random_unet(config, device, dtype)
        self.weights = random_layers(self.unet)
        self.x, self.text = (torch.randn(*shape, device=device, dtype=dtype)
                             for shape in ((batch, 4, latent, latent), (batch, 77, self.cross)))
        processors = {kind: self.diffusers_processors(tokens) for kind, tokens in KINDS.items()}
        self.host = MiniHost(base, self.unet)
        self.hosted = self.unet.attn_processors
        self.kept, self.build_seconds = {PLAIN: 0}, {}
        self.calls: dict[str, Callable[[], Tensor]] = {}
        self.layers: dict[str, Callable[[], list[Tensor]]] = {}
        self.add(PLAIN, self.set_ours, {}, self.text)
        self.inputs = self.record_inputs()
        for kind, tokens in KINDS.items():
            self.add_kind(kind, tokens, processors[kind])

    def add(self, name: str, prepare: Callable[[dict], None], argument: dict, text: Any) -> None:
        self.calls[name] = partial(self.run, prepare, argument, text)
        self.layers[name] = partial(self.attend, prepare, argument, text)

    def add_kind(self, kind: str, tokens: tuple[int, ...], processors: dict) -> None:
        images = [torch.randn(2, 1, count, self.cross) for count in tokens]
        self.add(ours(kind), self.set_ours, self.patches(kind, images), self.text)
        rows = [image.repeat_interleave(self.batch // 2, 0)[:, 0].to(self.device, self.dtype) for image in images]
        self.add(theirs(kind), self.set_theirs, processors, (self.text, rows))
        count = sum(weight.numel() for pair in self.weights.values() for weight in pair)
        self.kept[theirs(kind)] = count * self.x.element_size() * len(tokens)

    def patches(self, kind: str, images: list[Tensor]) -> dict:
        """images: for each unit the tokens of uncond and cond, [2, 1, S, D]."""
        layers = {number // 2: pair for number, pair in self.weights.items()}
        stopwatch = Stopwatch(self.device)
        start = stopwatch()
        keys = [compute_keys(layers, cond, uncond, device=self.device, dtype=self.dtype) for uncond, cond in images]
        self.build_seconds[kind] = stopwatch() - start
        self.kept[ours(kind)] = sum(map(size_in_bytes, keys))
        return build_patches([Unit(one, transformer_weights("linear", self.base, 1.0)) for one in keys], self.base)

    def diffusers_processors(self, tokens: tuple[int, ...]) -> dict:
        processors = dict(self.unet.attn_processors)
        for number, name in enumerate(processors):
            if number in self.weights:
                to_k, to_v = self.weights[number]
                processor = IPAdapterAttnProcessor2_0(to_k.shape[0], self.cross, tokens)
                for unit in range(len(tokens)):
                    processor.to_k_ip[unit].weight.data, processor.to_v_ip[unit].weight.data = to_k, to_v
                processors[name] = processor.to(self.device, self.dtype)
        return processors

    def set_ours(self, table: dict) -> None:
        self.unet.set_attn_processor(dict(self.hosted))
        self.host.table = table
        self.host.prepare(self.x.shape, [1, 0])

    def set_theirs(self, processors: dict) -> None:
        self.unet.set_attn_processor(dict(processors))

    @torch.no_grad()
    def run(self, prepare: Callable[[dict], None], argument: dict, text: Any) -> Tensor:
        prepare(argument)
        return self.unet(self.x, 500, text).sample

    @torch.no_grad()
    def attend(self, prepare: Callable[[dict], None], argument: dict, text: Any) -> list[Tensor]:
        prepare(argument)
        return [layer(hidden, encoder_hidden_states=text) for layer, hidden in self.inputs]

    def record_inputs(self) -> list[tuple[Any, Tensor]]:
        """Return each cross-attention layer and what it reads in a plain call."""
        found: list[tuple[Any, Tensor]] = []
        hooks = [module.register_forward_pre_hook(lambda layer, inputs: found.append((layer, inputs[0])))
                 for name, module in self.unet.named_modules() if name.endswith(".attn2")]
        self.calls[PLAIN]()
        for hook in hooks:
            hook.remove()
        return found
