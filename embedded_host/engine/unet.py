"""diffusers' UNet2DConditionModel under LDM names, run block by block so that block and attention patches have a place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .attention import PATCHES, PatchedAttention
from .module_tree import graft

Layer = Callable[[Tensor], Tensor]


class LdmUNet(torch.nn.Module):
    """Computes what the wrapped diffusers network computes; parameters are named `input_blocks.0.0.weight` and so on.

    names: {diffusers module name: LDM module name}. in_channels is the checkpoint's, also while a weight patch has
    widened the first convolution.
    """

    def __init__(self, network: Any, names: Mapping[str, str]):
        super().__init__()
        object.__setattr__(self, "network", network)  # not a submodule: its layers are registered by graft
        self.names = names
        graft(self, network, names)
        given = network.config
        self.in_channels = given.in_channels
        self.config = {"in_channels": given.in_channels, "model_channels": given.block_out_channels[0],
                       "context_dim": given.cross_attention_dim, "num_heads": given.attention_head_dim}
        self._running: dict[str, dict] = {}
        for name, module in network.named_modules():
            layer = name.rpartition(".")[2]
            if layer in ("attn1", "attn2"):
                module.processor = PatchedAttention(module.processor, self._running, layer)

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor, control: dict | None = None,
                transformer_options: dict | None = None) -> Tensor:
        """Predict the noise.

        x: [B, C, h, w]; timesteps: [B]; context: text tokens [B, T, D]. control: {"input" | "middle" | "output": tensors to
        add to the skip connections, the next one last}. transformer_options: patches, and what patches are told.
        Returns [B, 4, h, w].
        """
        options = transformer_options if transformer_options is not None else {}
        options.update(original_shape=list(x.shape), transformer_index=0)
        self._running["options"] = options
        try:
            return _ForwardPass(self.network, context, control or {}, options).run(x, timesteps)
        finally:
            self._running.clear()


class _ForwardPass:
    """One call of the network."""

    def __init__(self, network: Any, context: Tensor, control: dict, options: dict):
        self.network, self.context, self.control, self.options = network, context, control, options
        self.patches = options.get(PATCHES, {})
        self.skips: list[Tensor] = []

    def run(self, x: Tensor, timesteps: Tensor) -> Tensor:
        net = self.network
        self.emb = net.time_embedding(net.time_proj(timesteps.expand(x.shape[0])).to(x.dtype))
        h = self._middle(self._down(x))
        h = self._up(h)
        return net.conv_out(net.conv_act(net.conv_norm_out(h)))

    def _down(self, x: Tensor) -> Tensor:
        layers: list[Layer] = [self.network.conv_in]
        for block in self.network.down_blocks:
            layers += [lambda h, b=block, i=index: self._resnet(b, i, h) for index in range(len(block.resnets))]
            layers += block.downsamplers or ()
        h = x
        for number, layer in enumerate(layers):
            self.options["block"] = ("input", number)
            h = self._patched("input_block_patch", self._with_control("input", layer(h)))
            self.skips.append(h)
            h = self._patched("input_block_patch_after_skip", h)
        return h

    def _middle(self, h: Tensor) -> Tensor:
        self.options["block"] = ("middle", 0)
        block = self.network.mid_block
        h = self._transformer(block.attentions[0], block.resnets[0](h, self.emb))
        return self._with_control("middle", block.resnets[1](h, self.emb))

    def _up(self, h: Tensor) -> Tensor:
        places = ((block, index) for block in self.network.up_blocks for index in range(len(block.resnets)))
        for number, (block, index) in enumerate(places):
            self.options["block"] = ("output", number)
            skip = self._with_control("output", self.skips.pop())
            for patch in self.patches.get("output_block_patch", ()):
                h, skip = patch(h, skip, self.options)
            h = self._resnet(block, index, torch.cat([h, skip], dim=1))
            if block.upsamplers is not None and index == len(block.resnets) - 1:
                h = self._upsample(block.upsamplers[0], h)
        return h

    def _upsample(self, layer: Any, h: Tensor) -> Tensor:
        """Double the size; where that misses the next skip connection (odd sizes), interpolate to its size instead."""
        height, width = self.skips[-1].shape[2:]
        doubled = (height, width) == (h.shape[2] * 2, h.shape[3] * 2)
        return layer(h, None if doubled else (height, width))

    def _resnet(self, block: Any, index: int, h: Tensor) -> Tensor:
        h = block.resnets[index](h, self.emb)
        attentions = getattr(block, "attentions", None)
        return h if attentions is None else self._transformer(attentions[index], h)

    def _transformer(self, transformer: Any, h: Tensor) -> Tensor:
        self.options["block_index"] = 0
        h = transformer(h, encoder_hidden_states=self.context, return_dict=False)[0]
        self.options["transformer_index"] += 1
        return h

    def _patched(self, name: str, h: Tensor) -> Tensor:
        for patch in self.patches.get(name, ()):
            h = patch(h, self.options)
        return h

    def _with_control(self, part: str, h: Tensor) -> Tensor:
        extra = self.control[part].pop() if self.control.get(part) else None
        return h if extra is None else h + extra
