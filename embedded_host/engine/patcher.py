"""Patchers: cloneable handles on a shared model, each with the weight patches and sampling options of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.nn import Module, Parameter

from .weight_merge import WeightMerger, WeightPatch

Patch = Callable[..., Any]
UNCOND_ALWAYS = "disable_cfg1_optimization"
"""Option that runs the unconditional rows also at CFG scale 1."""


def _list_slot(name: str) -> Callable[[ModelPatcher, Patch], None]:
    """Return a method that appends a patch to one of the UNet's lists, `transformer_options["patches"][name]`."""

    def add(self: ModelPatcher, patch: Patch) -> None:
        lists = self.transformer_options.setdefault("patches", {})
        lists[name] = [*lists.get(name, ()), patch]

    return add


def _attention_slot(name: str) -> Callable[..., None]:
    """Return a method that replaces the attention of one block, or of one transformer in it."""

    def replace(self: ModelPatcher, patch: Patch, block_name: str, number: int, transformer_index: int | None = None) -> None:
        place = (block_name, number) if transformer_index is None else (block_name, number, transformer_index)
        tables = self.transformer_options.setdefault("patches_replace", {})
        tables[name] = {**tables.get(name, {}), place: patch}

    return replace


class ModelPatcher:
    """A model, shared by all clones, and the patches of this clone. `load` makes the model what this clone says."""

    set_model_attn1_patch = _list_slot("attn1_patch")
    set_model_attn2_patch = _list_slot("attn2_patch")
    set_model_attn1_output_patch = _list_slot("attn1_output_patch")
    set_model_attn2_output_patch = _list_slot("attn2_output_patch")
    set_model_input_block_patch = _list_slot("input_block_patch")
    set_model_input_block_patch_after_skip = _list_slot("input_block_patch_after_skip")
    set_model_output_block_patch = _list_slot("output_block_patch")
    set_model_attn1_replace = _attention_slot("attn1")
    set_model_attn2_replace = _attention_slot("attn2")

    def __init__(self, model: Module, load_device: torch.device | None = None, offload_device: torch.device | None = None):
        parameter = next(model.parameters(), None)
        own = parameter.device if parameter is not None else torch.device("cpu")
        self.model = model
        self.load_device, self.offload_device = load_device or own, offload_device or own
        self.patch_sets: dict[tuple, dict[str, WeightPatch]] = {}
        self.model_options: dict[str, Any] = {"transformer_options": {}}
        self.lora_loader: WeightMerger = model.__dict__.setdefault("lora_loader", WeightMerger(model))

    @property
    def transformer_options(self) -> dict[str, Any]:
        return self.model_options["transformer_options"]

    def clone(self) -> ModelPatcher:
        """Return a patcher of the same model with copies of the patches. Options are deep-copied: functions are shared."""
        other = copy.copy(self)
        other.patch_sets = dict(self.patch_sets)
        other.model_options = copy.deepcopy(self.model_options)
        return other

    def add_patches(self, *, filename: str, patches: dict[str, tuple], strength_patch: float = 1.0, strength_model: float = 1.0,
                    online_mode: bool = False) -> set[str]:
        """Add weight patches (WeightPatch.value by parameter name) and return the names that the model has.

        The same filename and strengths replace the patches that were there.
        """
        known = patches.keys() & {name for name, _ in self.model.named_parameters()}
        self.patch_sets[(filename, strength_patch, strength_model, online_mode)] = {
            key: WeightPatch(value, strength_patch, strength_model) for key, value in patches.items() if key in known}
        return known

    def refresh_loras(self) -> None:
        """Merge this clone's weight patches into the model."""
        self.lora_loader.refresh(self.patch_sets, self.offload_device)

    def load(self) -> None:
        """Make the model ready to run as this clone says: weights merged, on the device."""
        self.refresh_loras()
        parameter: Parameter | None = next(self.model.parameters(), None)
        if parameter is not None and parameter.device != self.load_device:
            self.model.to(self.load_device)

    def set_model_unet_function_wrapper(self, wrapper: Patch) -> None:
        """Call wrapper(apply_model, {"input", "timestep", "c", "cond_or_uncond"}) in place of apply_model."""
        self.model_options["model_function_wrapper"] = wrapper

    def set_model_vae_regulation(self, choose: Patch) -> None:
        """Take the latent as choose(posterior) in place of a sample of the posterior."""
        self.model_options["model_vae_regulation"] = choose

    def set_model_sampler_cfg_function(self, combine: Patch, disable_cfg1_optimization: bool = False) -> None:
        """Call combine({"cond", "uncond", "cond_scale", …}) in place of classifier-free guidance."""
        self.model_options["sampler_cfg_function"] = combine
        self._run_uncond_always(disable_cfg1_optimization)

    def set_model_sampler_post_cfg_function(self, change: Patch, disable_cfg1_optimization: bool = False) -> None:
        """Call change({"denoised", …}) after classifier-free guidance; functions of several callers run in their order."""
        before = self.model_options.get("sampler_post_cfg_function", ())
        self.model_options["sampler_post_cfg_function"] = [*before, change]
        self._run_uncond_always(disable_cfg1_optimization)

    def _run_uncond_always(self, wanted: bool) -> None:
        if wanted:
            self.model_options[UNCOND_ALWAYS] = True


def load_patchers(patchers: Iterable[ModelPatcher]) -> None:
    """Make the models of all patchers ready to run."""
    for patcher in patchers:
        patcher.load()
