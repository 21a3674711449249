"""Merges weight patches into a model and takes them out again bit for bit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module, Parameter

Identity = tuple
"""(file name, strength of the patch, strength of the model, online mode): what a patch set is known by."""


class WeightPatch(NamedTuple):
    """weight · model_strength + strength · (what `value` says).

    value: (diff,) or ("diff", (diff, …)): the offset; or ("lora", (up, down, alpha | None, mid | None, …)).
    """

    value: tuple
    strength: float
    model_strength: float


class WeightMerger:
    """What is merged into one model.

    As in Forge, a set of patches is known by its identities, not by its tensors: another content under the same identity
    is not noticed. merged_tensors counts the tensors merged since the model was loaded.
    """

    def __init__(self, model: Module):
        self.model = model
        self.originals: dict[str, Parameter] = {}
        self.loaded_hash: str | None = str([])
        self.merged_tensors = 0

    @torch.inference_mode(False)
    @torch.no_grad()
    def refresh(self, patch_sets: dict[Identity, dict[str, WeightPatch]], offload_device: torch.device) -> None:
        """Make the model's weights the original ones plus these patches. A no-op when they are merged already."""
        wanted = str([*patch_sets])
        if wanted == self.loaded_hash:
            return
        self.loaded_hash = None  # a merge that fails halfway is taken out by the next one
        self._restore()
        by_key: dict[str, list[WeightPatch]] = {}
        for patches in patch_sets.values():
            for key, patch in patches.items():
                by_key.setdefault(key, []).append(patch)
        for key, patches in by_key.items():
            weight = self.model.get_parameter(key)
            self.originals[key] = frozen(weight.to(device=offload_device))
            self._replace(key, frozen(merged_weight(weight.data, patches, key)))
            self.merged_tensors += 1
        self.loaded_hash = wanted

    def _restore(self) -> None:
        while self.originals:
            key, original = self.originals.popitem()
            self._replace(key, frozen(original.to(self.model.get_parameter(key).device)))

    def _replace(self, key: str, parameter: Parameter) -> None:
        layer, _, name = key.rpartition(".")
        setattr(self.model.get_submodule(layer), name, parameter)


def frozen(tensor: Tensor) -> Parameter:
    """Return the tensor as a parameter without a gradient; a parameter as it is."""
    return tensor if isinstance(tensor, Parameter) else Parameter(tensor, requires_grad=False)


def merged_weight(weight: Tensor, patches: Iterable[WeightPatch], key: str) -> Tensor:
    """Return a new tensor: weight with every patch applied in float32, cast back to its dtype."""
    merged = weight.to(torch.float32, copy=True)
    for patch in patches:
        if patch.model_strength != 1.0:
            merged = merged * patch.model_strength
        kind, content = patch.value if len(patch.value) == 2 else ("diff", patch.value)
        if kind == "lora":
            merged = merged + patch.strength * lora_product(content, merged)
        elif kind == "diff":
            merged = add_offset(merged, content[0], patch.strength, key)
        else:
            raise ValueError(f"{key}: `{kind}` is no kind of weight patch. Use diff or lora.")
    return merged.to(weight.dtype)


def add_offset(weight: Tensor, offset: Tensor, strength: float, key: str) -> Tensor:
    """Return weight + strength · offset; a convolution of another size grows with zeros. Strength 0 changes nothing.

    Raises ValueError for other shapes that differ.
    """
    if strength == 0.0:
        return weight
    offset = strength * offset.to(weight)
    if offset.shape == weight.shape:
        return weight + offset
    if not weight.ndim == offset.ndim == 4:
        raise ValueError(f"{key}: an offset of {list(offset.shape)} for a weight of {list(weight.shape)}.")
    grown = weight.new_zeros([max(sizes) for sizes in zip(weight.shape, offset.shape)])
    for tensor in (weight, offset):
        grown[tuple(slice(0, size) for size in tensor.shape)] += tensor
    return grown


def lora_product(content: tuple[Any, ...], weight: Tensor) -> Tensor:
    """Return alpha / rank · up @ (mid @) down in the weight's shape (Hu et al., 2021). content: up, down, alpha, mid, …"""
    up, down, alpha, mid = content[0].to(weight), content[1].to(weight), content[2], content[3]
    scale = float(alpha) / down.shape[0] if alpha is not None else 1.0
    if mid is not None:
        product = torch.einsum("oi...,imhw,mj...->ojhw", up.flatten(1), mid.to(weight), down.flatten(1))
    else:
        product = up.flatten(1) @ down.flatten(1)
    return scale * product.reshape(weight.shape)
