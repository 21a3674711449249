"""Merging weight patches into a model, and taking them out again bit for bit.

Same cache rule as Forge main dfdcbab6 backend/patcher/lora.py: the merged set is known by the list of
(filename, strength_patch, strength_model, online_mode), so another content under the same name is not noticed.
"""

import torch

from backend import utils

extra_weight_calculators = {}


class LoraLoader:
    """The merged state of one model.

    merged_tensors counts the tensors merged since the model was loaded; a job that finds its set merged adds none.
    """

    def __init__(self, model):
        self.model = model
        self.backup = {}
        self.loaded_hash = str([])
        self.merged_tensors = 0

    @torch.inference_mode(False)
    @torch.no_grad()
    def refresh(self, lora_patches, offload_device=torch.device("cpu"), force_refresh=False):
        wanted = str(list(lora_patches.keys()))
        if wanted == self.loaded_hash and not force_refresh:
            return
        self.loaded_hash = None
        self._restore()
        by_key = {}
        for patches in lora_patches.values():
            for key, entries in patches.items():
                by_key.setdefault(key, []).extend(entries)
        for key, entries in by_key.items():
            self._merge(key, entries, offload_device)
        self.loaded_hash = wanted

    def _restore(self):
        for key, weight in self.backup.items():
            device = utils.get_attr(self.model, key).device
            kept = weight if weight.device == device else utils.tensor2parameter(weight.to(device))
            utils.set_attr_raw(self.model, key, kept)
        self.backup = {}

    def _merge(self, key, entries, offload_device):
        weight = utils.get_attr(self.model, key)
        if not isinstance(weight, torch.nn.Parameter):
            raise ValueError(f"Wrong LoRA Key: {key}")
        self.backup[key] = utils.tensor2parameter(weight.to(device=offload_device))
        merged = merge_lora_to_weight(entries, weight.data, key)
        utils.set_attr_raw(self.model, key, torch.nn.Parameter(merged, requires_grad=False))
        self.merged_tensors += 1


@torch.no_grad()
def merge_lora_to_weight(patches, weight, key="online_lora", computation_dtype=torch.float32):
    """A new tensor: weight with every [strength, value, strength_model, offset, function] applied, in float32."""
    dtype = weight.dtype
    weight = weight.to(computation_dtype, copy=True)
    for strength, value, strength_model, offset, function in patches:
        part = weight if offset is None else weight.narrow(*offset)
        if strength_model != 1.0:
            part *= strength_model
        changed = _apply(part, strength, value, key, function or (lambda x: x))
        if offset is None:
            weight = changed
        elif changed is not part:
            part.copy_(changed)
    return weight.to(dtype)


def _apply(weight, strength, value, key, function):
    if isinstance(value, list):
        value = (merge_lora_to_weight(value[1:], value[0], key),)
    kind, value = ("diff", value) if len(value) == 1 else value
    if kind == "diff":
        return _add_diff(weight, strength, value[0], key)
    if kind == "set":
        return value[0].to(weight)
    if kind == "lora":
        return weight + function(strength * _lora_product(value, weight))
    if kind in extra_weight_calculators:
        return extra_weight_calculators[kind](weight, strength, value)
    print(f"patch type not recognized {kind} {key}")
    return weight


def _add_diff(weight, strength, diff, key):
    """weight + strength * diff; a 4-d weight of another size grows with zeros. Strength 0 leaves it as it is."""
    if strength == 0.0:
        return weight
    diff = strength * diff.to(weight)
    if diff.shape == weight.shape:
        return weight + diff
    if diff.ndim != 4 or weight.ndim != 4:
        print(f"WARNING SHAPE MISMATCH {key} WEIGHT NOT MERGED {diff.shape} != {weight.shape}")
        return weight
    grown = weight.new_zeros([max(sizes) for sizes in zip(weight.shape, diff.shape)])
    for tensor in (weight, diff):
        grown[tuple(slice(0, size) for size in tensor.shape)] += tensor
    return grown


def _lora_product(value, weight):
    """alpha/rank · up @ (mid) @ down, in the weight's shape. value: up, down, alpha or None, mid or None, ..."""
    up, down, alpha, mid = value[0].to(weight), value[1].to(weight), value[2], value[3]
    scale = float(alpha) / down.shape[0] if alpha is not None else 1.0
    if mid is not None:
        product = torch.einsum("oi...,imhw,mj...->ojhw", up.flatten(1), mid.to(weight), down.flatten(1))
    else:
        product = up.flatten(1) @ down.flatten(1)
    return scale * product.reshape(weight.shape)
