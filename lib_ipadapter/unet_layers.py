"""Maps an adapter's keys to the cross-attention layers of SD 1.5 (16 layers) and SDXL (70).

Keys count every attention processor of diffusers' UNet in the order down, up, middle; odd ones are cross-attention.
Hosts number blocks in execution order, input, middle, output, and the middle block is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .errors import IpAdapterError


class Layer(NamedTuple):
    """One cross-attention layer.

    num: index among the adapter's layers.  key: the number in its weights' keys, 2 num + 1.
    kind, block, index: input|output|middle, the block's number, the transformer block in it.
    t_idx: index of the spatial transformer in execution order.  level: number of downsamplings of the latent.
    """

    num: int
    key: int
    kind: str
    block: int
    index: int
    t_idx: int
    level: int

    def slot(self, base: str) -> tuple:
        """Return the key in the host's attn2 replace table: two parts on SD 1.5, three on SDXL, as the built-in adapter uses."""
        return (self.kind, self.block) if base == "sd15" else (self.kind, self.block, self.index)

    @property
    def diffusers_place(self) -> tuple[str, int, int, int]:
        """Return (list of blocks, block, attention, transformer block) in diffusers' UNet."""
        if self.kind == "middle":
            return "mid_block", 0, 0, self.index
        blocks, place = ("down_blocks", self.block - 1) if self.kind == "input" else ("up_blocks", self.block)
        return blocks, place // 3, place % 3, self.index

    def module(self, attention: str = "attn2") -> str:
        """Return the module's name in the host's UNet, for example `input_blocks.1.1.transformer_blocks.0.attn2`."""
        place = {"input": f"input_blocks.{self.block}.1", "output": f"output_blocks.{self.block}.1",
                 "middle": "middle_block.1"}[self.kind]
        return f"{place}.transformer_blocks.{self.index}.{attention}"


# kind, block, depth, t_idx, level; in the adapter's own order
_PARTS = {
    "sd15": (
        ("input", 1, 1, 0, 0), ("input", 2, 1, 1, 0),
        ("input", 4, 1, 2, 1), ("input", 5, 1, 3, 1),
        ("input", 7, 1, 4, 2), ("input", 8, 1, 5, 2),
        ("output", 3, 1, 7, 2), ("output", 4, 1, 8, 2), ("output", 5, 1, 9, 2),
        ("output", 6, 1, 10, 1), ("output", 7, 1, 11, 1), ("output", 8, 1, 12, 1),
        ("output", 9, 1, 13, 0), ("output", 10, 1, 14, 0), ("output", 11, 1, 15, 0),
        ("middle", 0, 1, 6, 3),
    ),
    "sdxl": (
        ("input", 4, 2, 0, 1), ("input", 5, 2, 1, 1),
        ("input", 7, 10, 2, 2), ("input", 8, 10, 3, 2),
        ("output", 0, 10, 5, 2), ("output", 1, 10, 6, 2), ("output", 2, 10, 7, 2),
        ("output", 3, 2, 8, 1), ("output", 4, 2, 9, 1), ("output", 5, 2, 10, 1),
        ("middle", 0, 10, 4, 2),
    ),
}


def _expand(parts) -> tuple[Layer, ...]:
    layers = []
    for kind, block, depth, t_idx, level in parts:
        for index in range(depth):
            num = len(layers)
            layers.append(Layer(num, 2 * num + 1, kind, block, index, t_idx, level))
    return tuple(layers)


LAYERS = {base: _expand(parts) for base, parts in _PARTS.items()}
TRANSFORMERS = {base: 1 + max(layer.t_idx for layer in layers) for base, layers in LAYERS.items()}
"""Number of spatial transformers: 16 on SD 1.5, 11 on SDXL."""

BASE_NAMES = {"sd15": "SD 1.5", "sdxl": "SDXL", "sd2": "SD 2", "kolors": "Kolors"}


def layers_of(base: str) -> tuple[Layer, ...]:
    if base not in LAYERS:
        raise IpAdapterError(f"`{base}` is no base model that IP-Adapter runs on; use one of {', '.join(LAYERS)}.")
    return LAYERS[base]


DIFFUSERS_ATTENTION = re.compile(
    r"(down_blocks|up_blocks|mid_block)(?:\.([0-3]))?\.attentions\.([0-2])\.transformer_blocks\.([0-9])\.(attn[12])\.processor\.(.+)")


def processor_keys(unet_keys: Iterable[str]) -> dict[str, str]:
    """Return {key: `number.rest`} for the attention processors of a diffusers UNet, numbered as adapters number them.

    unet_keys: such as `down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_ip.weight`. Other keys are
    omitted; {} if the keys are neither SD 1.5's nor SDXL's.
    """
    matches = {key: match for key in unet_keys if (match := DIFFUSERS_ATTENTION.fullmatch(key))}
    for layers in LAYERS.values():
        numbers = {layer.diffusers_place: 2 * layer.num for layer in layers}
        if all(place_of(match) in numbers for match in matches.values()):
            return {key: f"{numbers[place_of(match)] + (match[5] == 'attn2')}.{match[6]}" for key, match in matches.items()}
    return {}


def place_of(match: re.Match) -> tuple[str, int, int, int]:
    return match[1], int(match[2] or 0), int(match[3]), int(match[4])


def processor_module(base: str, number: int) -> str:
    """Return the module of attention processor `number`: even numbers are self-attention, odd ones cross-attention.

    Raises IpAdapterError for a number that the base does not have.
    """
    layers = layers_of(base)
    if not 0 <= number < 2 * len(layers):
        raise IpAdapterError(f"Attention {number} does not exist in {BASE_NAMES[base]}, which has {2 * len(layers)}; "
                             "the adapter file is for another model.")
    return layers[number // 2].module("attn2" if number % 2 else "attn1")


def part_of(base: str, t_idx: int) -> str:
    """Return input, middle or output for a spatial transformer."""
    return next(layer.kind for layer in layers_of(base) if layer.t_idx == t_idx)
