"""Patches for a host without a patcher: collected in a hook, applied when sampling starts, undone when it ends.

Weights are added in place, after the host's own LoRAs, and restored from a copy on the CPU, bit for bit. The condition and
the image prompts enter by linearity through forward hooks, so no weight changes its shape and the host's attention,
whichever it is, stays the one that runs: conv(cat[x, c]) = conv(x) + conv(c; the delta's further channels), and
to_out(text + part) = to_out(text) + to_out(part) - bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import RelightError

CONV_IN = "input_blocks.0.0.weight"


class HostLora(Protocol):
    """The host's own LoRAs, which it merges into a layer when the layer is next used."""

    def settle(self, layer: torch.nn.Module) -> None:
        """Make the host merge its LoRAs into the layer now, after taking its own backup."""
    def state(self):
        """Return a value that changes with the host's LoRAs and their strengths."""


@dataclass
class Unet:
    """What other hosts call a UnetPatcher. model: the ldm UNetModel.

    deltas: key -> [(delta, or a pair up and down whose product it is, strength)].  concat: [B, 4n, h, w].
    attention: slot -> patch.
    """

    model: torch.nn.Module
    model_options: dict = field(default_factory=dict)
    deltas: dict[str, list[tuple]] = field(default_factory=dict)
    concat: Tensor | None = None
    attention: dict = field(default_factory=dict)

    def clone(self) -> Unet:
        deltas = {key: list(entries) for key, entries in self.deltas.items()}
        return replace(self, model_options=dict(self.model_options), deltas=deltas, attention=dict(self.attention))

    def add(self, key: str, delta, strength: float = 1.0) -> None:
        self.deltas.setdefault(key, []).append((delta, strength))


@contextmanager
def applied(unet: Unet, denoiser: torch.nn.Module, to_sigma: Callable[[Tensor], Tensor], lora: HostLora) -> Iterator[None]:
    """Apply the patches within the block; afterwards the model is restored, also after an exception.

    denoiser: the host's CFGDenoiser.  to_sigma: what it is called with -> sigma.
    """
    rows, weights = Rows(to_sigma), Weights(unet, lora)
    with ExitStack() as stack, torch.no_grad():
        stack.callback(denoiser.register_forward_pre_hook(rows.start_step, with_kwargs=True).remove)
        stack.callback(unet.model.register_forward_pre_hook(rows.start_call, with_kwargs=True).remove)
        stack.callback(unet.model.register_forward_pre_hook(weights.follow).remove)
        stack.callback(weights.restore)
        weights.merge()
        if unet.concat is not None:
            conv_in = unet.model.get_submodule(CONV_IN.rpartition(".")[0])
            stack.callback(conv_in.register_forward_hook(concat_hook(unet, rows)).remove)
        for slot, patch in unet.attention.items():
            layer = attention_layer(unet.model, slot)
            hook = layer.register_forward_hook(attention_hook(patch, slot, rows), with_kwargs=True)
            stack.callback(hook.remove)
        yield


class Weights:
    """Changed weights of one run and the copies that restore them."""

    def __init__(self, unet: Unet, lora: HostLora):
        self.unet, self.lora = unet, lora
        self.backups: dict[str, Tensor] = {}
        self.merged_over = None

    def merge(self) -> None:
        self.merged_over = self.lora.state()
        for name in {key.rpartition(".")[0]: None for key in self.unet.deltas}:
            self.lora.settle(self.unet.model.get_submodule(name))
        for key, entries in self.unet.deltas.items():
            parameter = self.unet.model.get_parameter(key)
            merged = parameter.data.float()
            for delta, strength in entries:
                merged = torch.add(merged, dense(delta, parameter), alpha=strength)
            self.backups[key] = parameter.data.to("cpu", copy=True)
            if parameter.element_size() == 1:  # eight bits would round most of the change away
                parameter.data = merged.to(torch.float16 if merged.is_cuda else torch.bfloat16)
            else:
                parameter.data.copy_(merged)

    def restore(self) -> None:
        """Restore the copies. The host may have moved a parameter in between (--medvram, --lowvram), so it is looked up again."""
        while self.backups:
            key, backup = self.backups.popitem()
            parameter = self.unet.model.get_parameter(key)
            if parameter.dtype == backup.dtype:
                parameter.data.copy_(backup)
            else:
                parameter.data = backup.to(parameter.device)

    def follow(self, *_) -> None:
        """Merge anew when another extension has changed a LoRA's strength between two steps."""
        if self.lora.state() != self.merged_over:
            self.restore()
            self.merge()


def dense(delta, parameter: Tensor) -> Tensor:
    """Return float32 of the parameter's shape: a delta without the channels that the parameter lacks, or up @ down."""
    if isinstance(delta, tuple):
        up, down = (part.to(parameter.device, torch.float32) for part in delta)
        return up @ down
    delta = delta.to(parameter.device, torch.float32)
    return delta if delta.shape == parameter.shape else delta[:, :parameter.shape[1]]


class Rows:
    """Tells which image of the batch, and which side of the guidance, each row of a UNet call is; A1111 does not.

    A step's rows are every image's prompts (several with AND), then every image's negative prompt, if it is not skipped. The
    UNet gets them in this order, at once or in slices.
    """

    def __init__(self, to_sigma: Callable[[Tensor], Tensor]):
        self.to_sigma = to_sigma
        self.batch = self.position = 0
        self.images, self.sides = [], []
        self.sigmas = self.shape = None
        self.call = slice(0, 0)

    def start_step(self, denoiser, args, kwargs) -> None:
        """Before CFGDenoiser(x, sigma, cond=…)."""
        sigma = args[1] if len(args) > 1 else kwargs["sigma"]
        repeats = [len(parts) for parts in kwargs["cond"].batch]
        self.batch, self.position = len(repeats), 0
        self.images = [image for image, count in enumerate(repeats) for _ in range(count)] + list(range(self.batch))
        self.sides = [0] * sum(repeats) + [1] * self.batch
        self.sigmas = self.to_sigma(sigma)

    def start_call(self, model, args, kwargs) -> None:
        """Before UNetModel(x, timesteps, context=…)."""
        x = args[0] if args else kwargs["x"]
        if self.position + len(x) > len(self.images):
            self.position = 0
        self.call, self.shape = slice(self.position, self.position + len(x)), x.shape
        self.position += len(x)

    def cond_or_uncond(self) -> list[int]:
        """Return one entry per chunk of the whole batch where the rows are such chunks, else one per row."""
        images, sides = self.images[self.call], self.sides[self.call]
        whole = images == list(range(self.batch)) * (len(images) // self.batch)
        return sides[::self.batch] if whole else sides

    def options(self, heads: int, slot: tuple) -> dict:
        """Return the extra_options that other hosts pass to an attn2 patch."""
        return {"n_heads": heads, "block": slot[:2], "block_index": slot[2] if len(slot) > 2 else 0, "sigmas": self.sigmas,
                "original_shape": self.shape, "cond_or_uncond": self.cond_or_uncond()}


def concat_hook(unet: Unet, rows: Rows):
    """Return a hook that adds the contribution of the condition's channels, computed once for all steps."""
    part = None

    def hook(module, args, output):
        nonlocal part
        images = rows.images[rows.call]
        if unet.concat.shape[2:] != args[0].shape[2:] or len(images) != len(output):
            raise RelightError(tiles_message(unet.concat, args[0]))
        if part is None:
            extra = sum(strength * delta[:, module.in_channels:].float() for delta, strength in unet.deltas[CONV_IN])
            extra, latent = extra.to(output), unet.concat.to(output)
            part = F.conv2d(latent, extra, None, module.stride, module.padding, module.dilation)
        return output + part[images]

    return hook


def tiles_message(condition: Tensor, x: Tensor) -> str:
    """Return the message for an extension that splits the latent or makes more rows of it than the host does."""
    (b, _, h, w), (rows, _, height, width) = condition.shape, x.shape
    return (f"The UNet was given {rows} rows of {width}x{height} where Relight's condition is for {b} of {w}x{h}; another "
            "extension samples in tiles or regions, which Relight cannot follow on this WebUI: switch it off.")


def attention_layer(model: torch.nn.Module, slot: tuple) -> torch.nn.Module:
    """slot: (input | middle | output, block number[, transformer])."""
    name, number, *index = slot
    block = model.middle_block if name == "middle" else getattr(model, f"{name}_blocks")[number]
    transformer = next(child for child in block if hasattr(child, "transformer_blocks"))
    return transformer.transformer_blocks[index[0] if index else 0].attn2


def attention_hook(patch, slot: tuple, rows: Rows):
    def hook(module, args, kwargs, output):
        x = args[0] if args else kwargs["x"]
        part = patch.image_part(module.to_q(x), rows.options(module.heads, slot))
        project = module.to_out[0]
        projected = project(part.to(x.dtype))
        return output + (projected if project.bias is None else projected - project.bias.to(projected.dtype))

    return hook
