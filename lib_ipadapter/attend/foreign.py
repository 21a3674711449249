"""Converts other adapters that extend an existing patch: the hosts' built-in IP-Adapter and ComfyUI callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .keys_values import KeyValues
from .maskgrid import MaskGrid

SCALINGS = {"original": "V only", "linear": "K+V", "channel penalty": "K+V w/ C penalty"}


@dataclass(frozen=True)
class SigmaRange:
    """A window in noise levels, low <= sigma <= high, as the hosts' adapter and ComfyUI define it."""

    high: float = 1e9
    low: float = 0.0

    @property
    def always(self) -> bool:
        return self.high >= 1e8 and self.low <= 0


@dataclass
class ForeignCallback:
    """A ComfyUI-style callback(out, q, k, v, extra_options, **options) that returns the tensor to add."""

    callback: Callable
    options: dict
    window: SigmaRange = field(init=False)

    def __post_init__(self):
        self.window = sigma_range(self.options)

    def __call__(self, out: Tensor, q: Tensor, k: Tensor, v: Tensor, extra_options: dict) -> Tensor:
        return self.callback(out, q, k, v, extra_options, **self.options)


def sigma_range(options: dict) -> SigmaRange:
    return SigmaRange(float(options.get("sigma_start", 1e9)), float(options.get("sigma_end", 0.0)))


@torch.no_grad()
def foreign_unit(options: dict) -> dict:
    """Return the fields of an `attention.Term` for the options of the hosts' set_new_condition.

    options: weight, ipadapter (with ip_layers.to_kvs), number, cond, uncond, weight_type, mask, sigma_start, sigma_end.
    Unknown weight types fall back to "V only"; the hosts' interface offers "original" only.
    """
    number = 2 * options["number"] + 1
    layers = options["ipadapter"].ip_layers.to_kvs
    to_k, to_v = layers[f"{number}_to_k_ip"], layers[f"{number}_to_v_ip"]
    sides = [(to_k(tokens), to_v(tokens)) for tokens in (options["cond"], options["uncond"])]
    if not options.get("unfold_batch"):
        sides = [(keys[:1], values[:1]) for keys, values in sides]
    kind = str(options.get("weight_type", "original"))
    scaling = next((name for prefix, name in SCALINGS.items() if kind.startswith(prefix)), "V only")
    mask = options.get("mask")
    return {"keys": KeyValues(sides[0], sides[1]), "weight": float(options["weight"]), "negative": False, "scaling": scaling,
            "window": sigma_range(options), "mask": None if mask is None else MaskGrid(mask)}
