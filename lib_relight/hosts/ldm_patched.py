"""Adapter for reForge, Forge Classic and old Forge (`ldm_patched.*`)."""

from __future__ import annotations

import uuid
import weakref
from typing import Any

from ldm_patched.ldm.modules import attention
from ldm_patched.modules import model_management
from torch import Tensor

from .patcher import PatcherHost
from .types import Attention, Processing, UnetPatcher

try:
    from ldm_patched.modules.weight_adapter import LoRAAdapter
except ImportError:  # Classic and old Forge
    LoRAAdapter = None


names: weakref.WeakKeyDictionary[Any, tuple] = weakref.WeakKeyDictionary()
"""Patcher -> (identity, strength) of the patches that we added to it."""
found: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()
"""Patcher -> the patches that others had added to it before."""
KEPT = ("patches", "object_patches", "backup", "object_patches_backup", "current_device")
"""Attributes of a patcher about the weights it merged; all others belong to the present job."""


class LdmPatchedHost(PatcherHost):
    """reForge tells merged weights apart by a uuid; Classic and old Forge by the patcher object, so there it is kept."""

    name = "ldm_patched"
    memory_management = model_management
    lora_adapter = LoRAAdapter

    def __init__(self):
        self.last_committed: weakref.ref | None = None
        self.named_loaded: tuple[weakref.ref, str] | None = None

    def add_named_patches(self, unet: UnetPatcher, patches: dict, identity: str, strength: float = 1.0) -> int:
        if unet not in names:
            found[unet] = {key: list(entries) for key, entries in unet.patches.items()}
        names[unet] = (*names.get(unet, ()), (identity, strength))
        return super().add_named_patches(unet, patches, identity, strength)

    def commit(self, p: Processing, unet: UnetPatcher) -> None:
        if not hasattr(unet, "patches_uuid"):
            unet = self.kept_patcher(unet)
        super().commit(p, unet)

    def kept_patcher(self, unet: UnetPatcher) -> UnetPatcher:
        """Return the last job's patcher with this job's options where it merged the very same weights, else unet."""
        last = self.last_committed and self.last_committed()
        if last is None or not same_weights(last, unet):
            self.last_committed = weakref.ref(unet)
            return unet
        vars(last).update({name: value for name, value in vars(unet).items() if name not in KEPT})
        return last

    def merged_weights(self) -> str:
        from modules import shared

        unet = getattr(getattr(shared.sd_model, "forge_objects", None), "unet", None)
        if unet is None or hasattr(unet, "patches_uuid"):
            return super().merged_weights()
        loaded = next((entry for entry in model_management.current_loaded_models if unet.is_clone(entry.model)), None)
        if loaded is None:
            return "not loaded"
        if self.named_loaded is None or self.named_loaded[0]() is not loaded:
            self.named_loaded = weakref.ref(loaded), uuid.uuid4().hex
        return self.named_loaded[1]

    def scale_latent(self, p: Processing, latent: Tensor) -> Tensor:
        return self.unet(p).model.process_latent_in(latent)

    def sigma_table(self, p: Processing) -> Tensor:
        return self.unet(p).model.model_sampling.sigmas

    def sigma_of(self, p: Processing, percent: float) -> float:
        return float(self.unet(p).model.model_sampling.percent_to_sigma(percent))

    def attention(self) -> Attention:
        return current_attention


def current_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Call the host's attention of the moment: extensions may replace it after we are imported."""
    return attention.optimized_attention(q, k, v, heads)


def same_weights(one: UnetPatcher, other: UnetPatcher) -> bool:
    """Return whether two patchers change the same model by the same patches: ours by name, others' by identity."""
    if one.model is not other.model or names.get(one, ()) != names.get(other, ()):
        return False
    if not same_items(one.object_patches, other.object_patches):
        return False
    ones, others = (found.get(patcher, patcher.patches) for patcher in (one, other))
    return ones.keys() == others.keys() and all(
        same_items(dict(enumerate(ones[key])), dict(enumerate(others[key]))) for key in ones)


def same_items(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
