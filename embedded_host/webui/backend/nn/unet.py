"""diffusers' UNet2DConditionModel with LDM names, block by block, so that block and attention patches have their places."""

import torch

from backend.nn.attention import PatchedAttention
from backend.nn.tree import graft


class LdmUNet(torch.nn.Module):
    """Same numbers as the diffusers network it wraps; parameters named `input_blocks.0.0.weight` and so on.

    names: {diffusers module name: LDM module name}. in_channels stays what the checkpoint has, also while a patch has
    widened the first convolution.
    """

    def __init__(self, network, names):
        super().__init__()
        object.__setattr__(self, "network", network)
        self.names = names
        graft(self, network, names)
        config = network.config
        self.in_channels, self.out_channels = config.in_channels, config.out_channels
        self.model_channels = config.block_out_channels[0]
        self.config = {
            "in_channels": config.in_channels, "out_channels": config.out_channels,
            "model_channels": self.model_channels, "num_res_blocks": config.layers_per_block,
            "channel_mult": [width // self.model_channels for width in config.block_out_channels],
            "context_dim": config.cross_attention_dim, "num_heads": config.attention_head_dim,
            "use_spatial_transformer": True, "transformer_depth": 1, "image_size": config.sample_size,
        }
        self._call = {}
        self._serve_attention_patches()

    @property
    def dtype(self):
        return self.network.conv_in.weight.dtype

    def _serve_attention_patches(self):
        for name, module in self.network.named_modules():
            kind = name.rsplit(".", 1)[-1]
            if kind in ("attn1", "attn2"):
                module.processor = PatchedAttention(module.processor, self._call, kind)

    def forward(self, x, timesteps=None, context=None, y=None, control=None, transformer_options=None, **kwargs):
        """x: [B, C, h, w]; timesteps: [B]; context: [B, T, D]. Returns eps, [B, 4, h, w]."""
        run = _Run(self.network, context, control, transformer_options)
        run.options["original_shape"] = list(x.shape)
        run.options["transformer_index"] = 0
        self._call["options"] = run.options
        try:
            return run(x, timesteps)
        finally:
            self._call.clear()


class _Run:
    """One pass through the network."""

    def __init__(self, network, context, control, options):
        self.network, self.context, self.control = network, context, control
        self.options = options if options is not None else {}
        self.patches = self.options.get("patches", {})
        self.modifiers = self.options.get("block_modifiers", [])

    def __call__(self, x, timesteps):
        net = self.network
        time = net.time_proj(timesteps.expand(x.shape[0])).to(x.dtype)
        self.emb = net.time_embedding(time)
        skips = []
        h = self._down(x, skips)
        h = self._block(("middle", 0), h, self._middle)
        h = self._up(h, skips)
        self.options["block"] = ("last", 0)
        return self._around(h, lambda h: net.conv_out(net.conv_act(net.conv_norm_out(h))))

    def _down(self, x, skips):
        h = self._input(0, x, self.network.conv_in, skips)
        number = 1
        for block in self.network.down_blocks:
            for index, resnet in enumerate(block.resnets):
                h = self._input(number, h, lambda h, b=block, i=index: self._layer(b, i, h), skips)
                number += 1
            if block.downsamplers is not None:
                h = self._input(number, h, block.downsamplers[0], skips)
                number += 1
        return h

    def _input(self, number, h, layer, skips):
        h = self._block(("input", number), h, layer, "input")
        for patch in self.patches.get("input_block_patch", ()):
            h = patch(h, self.options)
        skips.append(h)
        for patch in self.patches.get("input_block_patch_after_skip", ()):
            h = patch(h, self.options)
        return h

    def _middle(self, h):
        block = self.network.mid_block
        h = self._attend(block.attentions[0], block.resnets[0](h, self.emb))
        return add_control(block.resnets[1](h, self.emb), self.control, "middle")

    def _up(self, h, skips):
        number = 0
        for block in self.network.up_blocks:
            for index, resnet in enumerate(block.resnets):
                self.options["block"] = ("output", number)
                skip = add_control(skips.pop(), self.control, "output")
                for patch in self.patches.get("output_block_patch", ()):
                    h, skip = patch(h, skip, self.options)
                h = torch.cat([h, skip], dim=1)
                last = index == len(block.resnets) - 1 and block.upsamplers is not None
                size = skips[-1].shape[2:] if skips else None
                h = self._around(h, lambda h, b=block, i=index, s=size if last else None: self._layer(b, i, h, s))
                number += 1
        return h

    def _layer(self, block, index, h, upsample_to=None):
        h = block.resnets[index](h, self.emb)
        attentions = getattr(block, "attentions", None)
        if attentions is not None:
            h = self._attend(attentions[index], h)
        if upsample_to is None:
            return h
        exact = tuple(upsample_to) == (h.shape[2] * 2, h.shape[3] * 2)
        return block.upsamplers[0](h, None if exact else tuple(upsample_to))

    def _attend(self, transformer, h):
        self.options["block_index"] = 0
        h = transformer(h, encoder_hidden_states=self.context, return_dict=False)[0]
        self.options["transformer_index"] += 1
        return h

    def _block(self, name, h, layer, control=None):
        self.options["block"] = name
        return self._around(h, (lambda h: add_control(layer(h), self.control, control)) if control else layer)

    def _around(self, h, layer):
        for modifier in self.modifiers:
            h = modifier(h, "before", self.options)
        h = layer(h)
        for modifier in self.modifiers:
            h = modifier(h, "after", self.options)
        return h


def add_control(h, control, name):
    """Add the next of a ControlNet's outputs: {"input" | "middle" | "output": list, the next one last}."""
    if control is not None and control.get(name):
        extra = control[name].pop()
        if extra is not None:
            h = h + extra
    return h
