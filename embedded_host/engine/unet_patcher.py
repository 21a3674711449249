"""The UNet's patcher: concat condition and ControlNets on top of the patches that every model takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from .patcher import ModelPatcher


class UnetPatcher(ModelPatcher):
    """Clones share the ControlNets and the concat condition of the patcher they come from, until they set their own.

    extra_concat_condition: float32 [B, C, h, w] of the sample's own batch and size; further input channels of the UNet.
    """

    extra_concat_condition: Tensor | None = None
    controlnet_linked_list: Any = None

    def add_patched_controlnet(self, cnet: Any) -> None:
        """Put a ControlNet in front of the others.

        cnet: set_previous_controlnet, pre_run, get_control, cleanup and get_models, as Forge's ControlBase.
        """
        first, self.controlnet_linked_list = self.controlnet_linked_list, cnet
        cnet.set_previous_controlnet(first)

    def controlnets(self) -> Iterator[Any]:
        """Yield the ControlNets, the one added last first."""
        current = self.controlnet_linked_list
        while current is not None:
            yield current
            current = current.previous_controlnet
