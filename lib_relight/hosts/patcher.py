"""Base of the adapters for hosts with `forge_objects` and a UnetPatcher."""

from __future__ import annotations

import inspect
import uuid
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ...lib_iclight.conditioning import repeat_to_batch
from ...lib_ipadapter.files.lora import LoraDelta
from .failures import guard_sampler
from .tiled_sampling import TILED, tiles_wrapper
from .types import Attention, Processing, UnetPatcher
from .webui import WebuiHost, family_of, fits

PREFIX = "diffusion_model."
CONDITION, FOLLOWED = "relight_condition", "relight_follows_tiles"
"""model_options keys: the condition of hosts without a slot for it, and whether tiles are followed; clones take both along."""
UUIDS = uuid.UUID("5f0c8a52-9d0e-4c55-8a5d-3a1f1f6f3d11")
INCOMPLETE = "incomplete"
"""In place of Forge's name of the merged set: the next load restores all weights."""
identities: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Names of model objects, which end with the object: another VAE, another name."""
fitting_keys: WeakKeyDictionary[Any, dict[str, set[str]]] = WeakKeyDictionary()
"""For each model, the keys of a weight file's deltas that fit its weights, by the file's identity."""


class PatcherHost(WebuiHost):
    """`p.sd_model.forge_objects` holds unet and vae; a clone of the unet carries this job's patches.

    The hosts set `forge_objects` anew for each batch and before each sampling, so no job has to take its clone out again.
    """

    memory_management: Any = None
    native_concat = True
    lora_adapter: Any = None
    """The host's class for a LoRA, where it takes no tuples: reForge drops one with a log line, Neo fails the job."""

    def unet(self, p: Processing) -> UnetPatcher:
        return p.sd_model.forge_objects.unet

    def commit(self, p: Processing, unet: UnetPatcher) -> None:
        p.sd_model.forge_objects.unet = unet

    def family(self, p: Processing) -> str | None:
        return family_of(p.sd_model) if hasattr(p.sd_model, "forge_objects") else None

    def in_channels(self, p: Processing) -> int:
        return int(self.unet(p).model.diffusion_model.in_channels)

    def vae_identity(self, p: Processing) -> str:
        return identities.setdefault(p.sd_model.forge_objects.vae.first_stage_model, uuid.uuid4().hex)

    @torch.inference_mode()
    def encode(self, p: Processing, pixels: Tensor, mode: bool = True) -> Tensor:
        vae = p.sd_model.forge_objects.vae
        latent = self.encode_mode(vae, pixels) if mode else vae.encode(to_host_range(pixels))
        return self.scale_latent(p, latent)

    def encode_mode(self, vae: Any, pixels: Tensor) -> Tensor:
        """Return the unscaled mode where the host can only sample: encoder and quant_conv, first half of the channels."""
        memory_required = vae.memory_used_encode(pixels.shape, vae.vae_dtype)
        self.memory_management.load_models_gpu([vae.patcher], memory_required=memory_required)
        module = vae.first_stage_model
        moments = module.encoder(pixels.to(device=vae.device, dtype=vae.vae_dtype))
        if getattr(module, "quant_conv", None) is not None:
            moments = module.quant_conv(moments)
        return moments.chunk(2, dim=1)[0].to(vae.output_device).float()

    @abstractmethod
    def scale_latent(self, p: Processing, latent: Tensor) -> Tensor:
        """Multiply an encoder's latent with the checkpoint's scaling factor."""

    def add_weight_deltas(self, unet: UnetPatcher, deltas: dict[str, Tensor], identity: str) -> int:
        """Pass only deltas that fit: hosts accept a key of any shape and drop a mismatch while merging."""
        known = fitting_keys.setdefault(unet.model, {})
        if identity not in known:
            weights = dict(unet.model.named_parameters())
            known[identity] = {key for key, delta in deltas.items() if fits(weights.get(PREFIX + key), delta)}
        patches = {PREFIX + key: ("diff", (delta, {"pad_weight": True})) for key, delta in deltas.items()
                   if key in known[identity]}
        return self.add_named_patches(unet, patches, identity)

    def add_named_patches(self, unet: UnetPatcher, patches: dict, identity: str, strength: float = 1.0) -> int:
        """Forge caches merged weights by `filename`, Neo and reForge by a uuid that each call renews: both name the content."""
        base = getattr(unet, "patches_uuid", None)
        named = "filename" in inspect.signature(unet.add_patches).parameters
        accepted = unet.add_patches(patches=patches, strength_patch=strength, **({"filename": identity} if named else {}))
        if base is not None:
            unet.patches_uuid = uuid.uuid5(UUIDS, f"{base} {identity} {strength}")
        return len(set(accepted))

    def merged_weights(self) -> str:
        from modules import shared

        if not hasattr(shared.sd_model, "forge_objects"):
            return "no checkpoint"
        model = shared.sd_model.forge_objects.unet.model
        if hasattr(model, "lora_loader"):
            return model.lora_loader.loaded_hash
        return str(getattr(model, "current_weight_patches_uuid", None))

    def guard_sampler(self, p: Processing) -> None:
        guard_sampler(p, self.device(), lambda: forget_merge(self.unet(p)))

    def set_concat(self, unet: UnetPatcher, latent: Tensor) -> None:
        if self.native_concat:
            unet.extra_concat_condition = latent
        else:
            unet.model_options[CONDITION] = latent
            unet.set_model_unet_function_wrapper(concat_wrapper(latent, unet.model_options.get("model_function_wrapper")))

    def follow_tiles(self, unet: UnetPatcher) -> None:
        """A tiler that patches the UNet later takes the place of the wrapper that passes the condition."""
        options = unet.model_options
        if options.get(TILED) and not options.get(FOLLOWED):
            options[FOLLOWED] = True
            wrapper, latent = tiles_wrapper(options["model_function_wrapper"]), options.get(CONDITION)
            unet.set_model_unet_function_wrapper(wrapper if latent is None else concat_wrapper(latent, wrapper))

    def attn2_table(self, unet: UnetPatcher) -> dict:
        return unet.model_options["transformer_options"].get("patches_replace", {}).get("attn2", {})

    def set_cross_attention(self, unet: UnetPatcher, block: tuple, patch: Callable) -> None:
        unet.set_model_attn2_replace(patch, *block)

    def add_lora(self, unet: UnetPatcher, deltas: Sequence[LoraDelta], strength: float, identity: str) -> int:
        patches = {PREFIX + delta.weight_key: self.lora_patch(delta.up, delta.down) for delta in deltas}
        return self.add_named_patches(unet, patches, f"{identity} lora", strength)

    def lora_patch(self, up: Tensor, down: Tensor) -> Any:
        """Return up @ down without alpha in the form that the host merges."""
        if self.lora_adapter is not None:
            return self.lora_adapter(set(), (up, down, None, None, None, None))
        return "lora", (up, down, None, None, None)

    def set_start_latent(self, p: Processing, noise: Tensor, latent: Tensor) -> None:
        p.modified_noise = self.start_noise(p, noise, latent)

    @abstractmethod
    def sigma_of(self, p: Processing, percent: float) -> float: ...

    @abstractmethod
    def attention(self) -> Attention: ...

    def device(self) -> torch.device:
        return self.memory_management.get_torch_device()


def forget_merge(unet: UnetPatcher) -> None:
    """Forge names the merged set only when a merge ends, so after one that ended halfway it would keep what was changed."""
    loader = getattr(unet.model, "lora_loader", None)
    if loader is not None:
        loader.loaded_hash = INCOMPLETE


def to_host_range(pixels: Tensor) -> Tensor:
    """Convert float32 [B, 3, H, W], -1..1, to [B, H, W, 3], 0..1: the hosts' VAE maps it back with 2x - 1."""
    return (pixels.movedim(1, -1) + 1) / 2


def concat_wrapper(latent: Tensor, previous: Callable | None) -> Callable:
    """Return a model_function_wrapper that passes the UNet a c_concat for each chunk, then calls the wrapper it found.

    latent: [B, 4n, h, w]; the UNet's rows are chunk after chunk of B images. A plain closure: hosts deep-copy objects.
    """

    def wrapper(apply_model: Callable, args: dict) -> Tensor:
        x, c = args["input"], dict(args["c"])
        c["c_concat"] = repeat_to_batch(latent.to(x), x.shape[0])
        if previous is not None:
            return previous(apply_model, {**args, "c": c})
        return apply_model(x, args["timestep"], **c)

    return wrapper
