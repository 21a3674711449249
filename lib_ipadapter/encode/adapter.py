"""Loads adapter files: variant, projection, layers and LoRA."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from ...lib_common.weight_file import open_weights
from ..files.adapter_file import adapter_shapes, read_halves
from ..files.lora import LoraDelta, lora_deltas
from ..files.projections import build_projection
from ..files.variants import Variant, detect
from ..unet_layers import layers_of


class Adapter:
    """A loaded adapter. All tensors stay on the CPU in the file's dtype; only tokens and keys are moved to a device."""

    def __init__(self, variant: Variant, image_proj: dict[str, Tensor], ip_adapter: dict[str, Tensor], identity: str = ""):
        self.variant, self.identity = variant, identity
        self._image_proj, self._ip_adapter = image_proj, ip_adapter

    @property
    def size_in_bytes(self) -> int:
        """Return the bytes of all weights in RAM, those of `projection` included."""
        stored = sum(tensor.nbytes for half in (self._image_proj, self._ip_adapter) for tensor in half.values())
        return stored + sum(4 * tensor.numel() for tensor in self._image_proj.values() if tensor.dtype != torch.float32)

    @cached_property
    def projection(self) -> nn.Module:
        """The image projection in float32, on the CPU."""
        return build_projection(self.variant.empty_projection(), self.variant.path.name, self._image_proj)

    @cached_property
    def layers(self) -> dict[int, tuple[Tensor, Tensor]]:
        """{layer number: (to_k, to_v)}, weights of shape [C, D] each."""
        pairs = {}
        for layer in layers_of(self.variant.base):
            to_k, to_v = (self._ip_adapter[f"{layer.key}.to_{part}_ip.weight"] for part in "kv")
            pairs[layer.num] = to_k, to_v
        return pairs

    @cached_property
    def lora(self) -> list[LoraDelta]:
        return lora_deltas(self._ip_adapter, self.variant.base)

    @torch.no_grad()
    def project(self, embeds: Tensor | None, face: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Project encoder output and face embedding, whichever the family takes, to tokens: float32 [N, T, D] on the CPU.

        embeds: [N, W] or [N, S, W].  face: [N, 512].  scale: FaceID-PlusV2's structure scale.
        """
        embeds, face = (None if t is None else t.float().cpu() for t in (embeds, face))
        return self.variant.layout.project(self.projection, embeds, face, scale)


def inspect_adapter(path: Path | str, family: str = "auto") -> Variant:
    """Return the variant of an adapter file, from its header alone. Raises UserError with the file's own message."""
    with open_weights(path) as file:
        return detect(adapter_shapes(Path(path), file), family)


def load_adapter(path: Path | str, family: str = "auto") -> Adapter:
    """Load an adapter file into memory. Its `identity` is a cache key from path, size and mtime."""
    path = Path(path)
    with open_weights(path) as file:
        variant = detect(adapter_shapes(path, file), family)
        image_proj, ip_adapter = read_halves(file)
        stat = path.stat()
    return Adapter(variant, image_proj, ip_adapter, f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{variant.family.name}")
