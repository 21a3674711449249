"""ModelPatcher: what extensions clone, patch and assign. Method names and stored forms as in Forge."""

import copy
import inspect

from backend import memory_management, utils
from backend.patcher.lora import LoraLoader


def set_model_options_patch_replace(model_options, patch, name, block_name, number, transformer_index=None):
    block = (block_name, number) if transformer_index is None else (block_name, number, transformer_index)
    options = model_options["transformer_options"].copy()
    replace = options["patches_replace"] = options.get("patches_replace", {}).copy()
    replace[name] = {**replace.get(name, {}), block: patch}
    model_options["transformer_options"] = options
    return model_options


def set_model_options_post_cfg_function(model_options, function, disable_cfg1_optimization=False):
    return _append_cfg(model_options, "sampler_post_cfg_function", function, disable_cfg1_optimization)


def set_model_options_pre_cfg_function(model_options, function, disable_cfg1_optimization=False):
    return _append_cfg(model_options, "sampler_pre_cfg_function", function, disable_cfg1_optimization)


def _append_cfg(model_options, key, function, disable_cfg1_optimization):
    model_options[key] = [*model_options.get(key, []), function]
    if disable_cfg1_optimization:
        model_options["disable_cfg1_optimization"] = True
    return model_options


class ModelPatcher:
    """A model (shared by every clone) and the patches of this clone."""

    def __init__(self, model, load_device=None, offload_device=None, size=0, current_device=None, **kwargs):
        device = memory_management.get_torch_device()
        self.model = model
        self.size = size
        self.load_device, self.offload_device = load_device or device, offload_device or device
        self.current_device = current_device or self.offload_device
        self.lora_patches, self.object_patches, self.object_patches_backup = {}, {}, {}
        self.model_options = {"transformer_options": {}}
        if not hasattr(model, "lora_loader"):
            model.lora_loader = LoraLoader(model)
        self.lora_loader = model.lora_loader

    def model_size(self):
        self.size = self.size or memory_management.module_size(self.model)
        return self.size

    def clone(self):
        other = type(self)(self.model, self.load_device, self.offload_device, self.size, self.current_device)
        other.lora_patches = self.lora_patches.copy()
        other.object_patches = self.object_patches.copy()
        other.model_options = copy.deepcopy(self.model_options)
        return other

    def is_clone(self, other):
        return getattr(other, "model", None) is self.model

    def add_patches(self, *, filename, patches, strength_patch=1.0, strength_model=1.0, online_mode=False):
        """Take patches for known keys; returns those keys. The same filename and strengths replace what was there."""
        known = {key for key, _ in self.model.named_parameters()}
        taken, entries = set(), {}
        for key, value in patches.items():
            name, offset, function = (key, None, None) if isinstance(key, str) else (*key, None, None)[:3]
            if name in known:
                taken.add(key)
                entries.setdefault(name, []).append([strength_patch, value, strength_model, offset, function])
        self.lora_patches[(filename, strength_patch, strength_model, online_mode)] = entries
        return taken

    def has_online_lora(self):
        return any(identity[3] for identity in self.lora_patches)

    def refresh_loras(self):
        self.lora_loader.refresh(lora_patches=self.lora_patches, offload_device=self.offload_device)

    def memory_required(self, input_shape):
        return self.model.memory_required(input_shape=input_shape)

    def set_model_sampler_cfg_function(self, function, disable_cfg1_optimization=False):
        wrapped = function
        if len(inspect.signature(function).parameters) == 3:
            def wrapped(args):
                return function(args["cond"], args["uncond"], args["cond_scale"])
        self.model_options["sampler_cfg_function"] = wrapped
        if disable_cfg1_optimization:
            self.model_options["disable_cfg1_optimization"] = True

    def set_model_sampler_post_cfg_function(self, function, disable_cfg1_optimization=False):
        set_model_options_post_cfg_function(self.model_options, function, disable_cfg1_optimization)

    def set_model_sampler_pre_cfg_function(self, function, disable_cfg1_optimization=False):
        set_model_options_pre_cfg_function(self.model_options, function, disable_cfg1_optimization)

    def set_model_unet_function_wrapper(self, function):
        self.model_options["model_function_wrapper"] = function

    def set_model_vae_encode_wrapper(self, function):
        self.model_options["model_vae_encode_wrapper"] = function

    def set_model_vae_decode_wrapper(self, function):
        self.model_options["model_vae_decode_wrapper"] = function

    def set_model_vae_regulation(self, function):
        self.model_options["model_vae_regulation"] = function

    def set_model_denoise_mask_function(self, function):
        self.model_options["denoise_mask_function"] = function

    def set_model_patch(self, patch, name):
        patches = self.model_options["transformer_options"].setdefault("patches", {})
        patches[name] = [*patches.get(name, []), patch]

    def set_model_patch_replace(self, patch, name, block_name, number, transformer_index=None):
        set_model_options_patch_replace(self.model_options, patch, name, block_name, number, transformer_index)

    def set_model_attn1_patch(self, patch):
        self.set_model_patch(patch, "attn1_patch")

    def set_model_attn2_patch(self, patch):
        self.set_model_patch(patch, "attn2_patch")

    def set_model_attn1_replace(self, patch, block_name, number, transformer_index=None):
        self.set_model_patch_replace(patch, "attn1", block_name, number, transformer_index)

    def set_model_attn2_replace(self, patch, block_name, number, transformer_index=None):
        self.set_model_patch_replace(patch, "attn2", block_name, number, transformer_index)

    def set_model_attn1_output_patch(self, patch):
        self.set_model_patch(patch, "attn1_output_patch")

    def set_model_attn2_output_patch(self, patch):
        self.set_model_patch(patch, "attn2_output_patch")

    def set_model_input_block_patch(self, patch):
        self.set_model_patch(patch, "input_block_patch")

    def set_model_input_block_patch_after_skip(self, patch):
        self.set_model_patch(patch, "input_block_patch_after_skip")

    def set_model_output_block_patch(self, patch):
        self.set_model_patch(patch, "output_block_patch")

    def add_object_patch(self, name, obj):
        self.object_patches[name] = obj

    def get_model_object(self, name):
        for patches in (self.object_patches, self.object_patches_backup):
            if name in patches:
                return patches[name]
        return utils.get_attr(self.model, name)

    def model_dtype(self):
        return getattr(self.model, "computation_dtype", None)

    def model_state_dict(self, filter_prefix=None):
        state = self.model.state_dict()
        return {key: value for key, value in state.items() if filter_prefix is None or key.startswith(filter_prefix)}

    def forge_patch_model(self, target_device=None):
        for name, value in self.object_patches.items():
            self.object_patches_backup.setdefault(name, utils.get_attr(self.model, name))
            utils.set_attr_raw(self.model, name, value)
        self._move(target_device)
        return self.model

    def _move(self, device):
        if device is None:
            return
        parameter = next(self.model.parameters(), None)
        if parameter is not None and parameter.device != device:
            self.model.to(device)
        self.current_device = device

    def forge_unpatch_model(self, target_device=None):
        for name, value in self.object_patches_backup.items():
            utils.set_attr_raw(self.model, name, value)
        self.object_patches_backup = {}
        self._move(target_device)
