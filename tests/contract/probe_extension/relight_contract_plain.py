"""Patches for a host without a patcher (A1111), made as extensions there make them: hooks, replaced forwards, changed weights.

Both copies of the probe share this module; `undo` takes out everything that either made for the pass before.
"""

import sys

import torch

undoing = []


def undo():
    while undoing:
        undoing.pop()()


def replace_forward(layer, forward):
    found = vars(layer).get("forward")
    undoing.append(lambda: setattr(layer, "forward", found) if found else delattr(layer, "forward"))
    layer.forward = forward


class PlainUnet:
    """What the probe calls of a UnetPatcher. model: the host's DiffusionWrapper."""

    def __init__(self, p):
        self.model, self.model_options = p.sd_model.model, {}
        self.unet = self.model.diffusion_model
        self.extra = {"cond_or_uncond": [0, 1], "sigmas": torch.zeros(p.batch_size)}

    def attn2(self, name, number):
        block = self.unet.middle_block if name == "middle" else getattr(self.unet, f"{name}_blocks")[number]
        return next(layer for layer in block if hasattr(layer, "transformer_blocks")).transformer_blocks[0].attn2

    def set_model_unet_function_wrapper(self, wrapper):
        def hook(unet, args, output):
            parcel = {"input": args[0], "timestep": args[1], "c": {}, "cond_or_uncond": [0, 1]}
            return wrapper(lambda x, timestep: output, parcel)

        undoing.append(self.unet.register_forward_hook(hook).remove)

    def set_model_output_block_patch(self, patch):
        for block in self.unet.output_blocks:
            def hook(block, args):
                return torch.cat(patch(*args[0].chunk(2, dim=1), {}), dim=1), *args[1:]

            undoing.append(block.register_forward_pre_hook(hook).remove)

    def set_model_attn2_replace(self, patch, *block):
        layer = self.attn2(*block)
        found = layer.forward

        def forward(x, context=None, **kwargs):
            return patch(found(x, context=context, **kwargs), context, context, {"n_heads": layer.heads})

        replace_forward(layer, forward)

    def add_patches(self, patches, filename=None):
        for key, (_, (delta,)) in patches.items():
            layer = self.model.get_submodule(key.rpartition(".")[0])
            if "networks" in sys.modules:
                sys.modules["networks"].network_apply_weights(layer)
            before = layer.weight.data.clone()
            undoing.append(lambda layer=layer, before=before: layer.weight.data.copy_(before))
            layer.weight.data += delta.to(layer.weight)

    def set_model_attn2_patch(self, expand):
        self.expand = expand

    def set_model_attn2_output_patch(self, merge):
        """With set_model_attn2_patch before: every attn2 over more rows than it was given."""
        for layer in self.unet.modules():
            if hasattr(layer, "attn2"):
                self.spread(layer.attn2, merge)

    def spread(self, layer, merge):
        found = layer.forward

        def forward(x, context=None, **kwargs):
            x, context, _ = self.expand(x, context, context, self.extra)
            return merge(found(x, context=context, **kwargs), self.extra)

        replace_forward(layer, forward)
