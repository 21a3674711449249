"""Reading weight files and reaching into modules by dotted name."""

import torch


def load_torch_file(ckpt, safe_load=False, device=None):
    """State dict of a .safetensors file, or of a pickle that holds only tensors."""
    path = str(ckpt)
    if path.lower().endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path, device=str(device or "cpu"))
    state = torch.load(path, map_location=device or "cpu", weights_only=True)
    return state.get("state_dict", state)


def get_attr_with_parent(obj, attr):
    """(the object that holds the last name of a dotted path, that name, the value)."""
    *path, name = attr.split(".")
    for part in path:
        obj = getattr(obj, part)
    return obj, name, getattr(obj, name)


def get_attr(obj, attr):
    return get_attr_with_parent(obj, attr)[2]


def set_attr_raw(obj, attr, value):
    parent, name, _ = get_attr_with_parent(obj, attr)
    setattr(parent, name, value)


def set_attr(obj, attr, value):
    set_attr_raw(obj, attr, tensor2parameter(value))


def tensor2parameter(tensor):
    return tensor if isinstance(tensor, torch.nn.Parameter) else torch.nn.Parameter(tensor, requires_grad=False)
