"""One adapter file, loaded: what it is, its projection, its layers and its LoRA."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import IpAdapterError
from ..files.adapter_file import inspect_file, load_halves
from ..files.lora import LoraDelta, lora_deltas
from ..files.variants import Variant, detect
from ..unet_layers import layers_of
from .projections import build


class Adapter:
    """All tensors stay on the CPU in the file's dtype; only tokens and keys made from them go to a device."""

    def __init__(self, variant: Variant, image_proj: dict[str, Tensor], ip_adapter: dict[str, Tensor], identity: str = ""):
        self.variant, self.identity = variant, identity
        self._image_proj, self._ip_adapter = image_proj, ip_adapter

    @cached_property
    def projection(self) -> nn.Module:
        """In float32, on the CPU."""
        return build(self.variant, self._image_proj)

    @cached_property
    def layers(self) -> dict[int, tuple[Tensor, Tensor]]:
        """Layer number -> (to_k, to_v) weights, [C, D] each."""
        pairs = {}
        for layer in layers_of(self.variant.base):
            names = [f"{layer.key}.to_{part}_ip.weight" for part in "kv"]
            if missing := [name for name in names if name not in self._ip_adapter]:
                raise IpAdapterError(f"`{self.variant.path.name}` lacks `ip_adapter.{missing[0]}`; the file is damaged, "
                                     "download it again.")
            pairs[layer.num] = tuple(self._ip_adapter[name] for name in names)
        return pairs

    @cached_property
    def lora(self) -> list[LoraDelta]:
        return lora_deltas(self._ip_adapter, self.variant.base)

    @torch.no_grad()
    def project(self, embeds: Tensor | None, face: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Encoder output and face embedding, whichever the family takes -> tokens, float32 [N, T, D] on the CPU.

        embeds: [N, W] or [N, S, W].  face: [N, 512].  scale: FaceID-PlusV2's structure scale.
        """
        signature = self.variant.family.signature
        embeds, face = (None if t is None else t.float().cpu() for t in (embeds, face))
        if signature == "faceid-plus":
            return self.projection(face, embeds, scale)
        if signature == "resampler-face":
            return self.projection(face[:, None])
        return self.projection(face if self.variant.face else embeds)


def inspect_adapter(path: Path | str, family: str = "auto") -> Variant:
    """What an adapter file is, from its header alone. Raises IpAdapterError with the file's own sentence."""
    return detect(inspect_file(path), family)


def load_adapter(path: Path | str, family: str = "auto") -> Adapter:
    """Read an adapter file. `identity` names its content by path, size and time of change."""
    path = Path(path)
    variant = inspect_adapter(path, family)
    stat = path.stat()
    return Adapter(variant, *load_halves(path), f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{variant.family.name}")
