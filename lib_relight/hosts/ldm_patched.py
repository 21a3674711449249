"""reForge, Forge Classic and old Forge (`ldm_patched.*`)."""

from __future__ import annotations

import uuid
import weakref

import torch
from ldm_patched.ldm.modules.attention import optimized_attention
from ldm_patched.modules import model_management

from .patcher import PatcherHost

try:
    from ldm_patched.modules.weight_adapter import LoRAAdapter
except ImportError:  # Classic and old Forge
    LoRAAdapter = None


KEPT = ("patches", "object_patches", "backup", "object_patches_backup", "current_device")
"""What a patcher has to do with the weights that it merged; everything else of it is this job's."""


class LdmPatchedHost(PatcherHost):
    """reForge tells merged weights apart by a uuid; Classic and old Forge by the patcher object, so there it is kept."""

    name = "ldm_patched"
    memory_management = model_management
    lora_adapter = LoRAAdapter

    def __init__(self):
        self.last_committed = None

    def add_named_patches(self, unet, patches: dict, identity: str, strength: float = 1.0) -> int:
        names = names_of(unet)
        if not names:
            unet.relight_found = {key: list(entries) for key, entries in unet.patches.items()}
        unet.relight_names = (*names, (identity, strength))
        return super().add_named_patches(unet, patches, identity, strength)

    def commit(self, p, unet) -> None:
        if not hasattr(unet, "patches_uuid"):
            unet = self.kept_patcher(unet)
        super().commit(p, unet)

    def kept_patcher(self, unet):
        """The patcher of the last job, with this job's options, where it merged the very same weights."""
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
        if loaded is not None and not hasattr(loaded, "relight_identity"):
            loaded.relight_identity = uuid.uuid4().hex
        return getattr(loaded, "relight_identity", "not loaded")

    def scale_latent(self, p, latent: torch.Tensor) -> torch.Tensor:
        return self.unet(p).model.process_latent_in(latent)

    def sigma_table(self, p) -> torch.Tensor:
        return self.unet(p).model.model_sampling.sigmas

    def sigma_of(self, p, percent: float) -> float:
        return float(self.unet(p).model.model_sampling.percent_to_sigma(percent))

    def attention(self):
        return optimized_attention


def same_weights(one, other) -> bool:
    """Whether two patchers change the same model by the same patches: ours by name, those found by identity."""
    if one.model is not other.model or names_of(one) != names_of(other):
        return False
    if not same_items(one.object_patches, other.object_patches):
        return False
    found = [getattr(patcher, "relight_found", patcher.patches) for patcher in (one, other)]
    return found[0].keys() == found[1].keys() and all(
        same_items(dict(enumerate(found[0][key])), dict(enumerate(found[1][key]))) for key in found[0])


def names_of(patcher) -> tuple:
    return getattr(patcher, "relight_names", ())


def same_items(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
