"""Forge's memory manager reduced to: everything stays on the one device; loading a patcher merges its weights."""

import torch

from modules import devices

OOM_EXCEPTION = getattr(torch.cuda, "OutOfMemoryError", MemoryError)
VAE_ALWAYS_TILED = False
signal_empty_cache = False


def get_torch_device():
    return devices.device


text_encoder_device = vae_device = unet_offload_device = unet_inital_load_device = get_torch_device
text_encoder_offload_device = vae_offload_device = intermediate_device = get_torch_device


def unet_dtype(*args, **kwargs):
    return devices.dtype_unet


def vae_dtype(*args, **kwargs):
    return devices.dtype_vae


def dtype_size(dtype):
    return torch.empty((), dtype=dtype).element_size()


def module_size(module, *args, **kwargs):
    """Bytes of a module's parameters and buffers."""
    return sum(x.nelement() * x.element_size() for x in module.state_dict().values())


def get_free_memory(device=None, torch_free_too=False):
    device = device or devices.device
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = 1 << 40
    return (free, free) if torch_free_too else free


def get_total_memory(device=None, torch_total_too=False):
    return get_free_memory(device, torch_total_too)


def load_models_gpu(models, memory_required=0, hard_memory_preservation=0, **kwargs):
    """Make every patcher's weights what its patches say, on the device."""
    for model in models:
        model.refresh_loras()
        model.forge_patch_model(devices.device)


def load_model_gpu(model):
    load_models_gpu([model])


def free_memory(memory_required, device=None, keep_loaded=(), free_all=False):
    soft_empty_cache()


def unload_all_models():
    soft_empty_cache()


def unload_model_clones(model):
    pass


def soft_empty_cache(force=False):
    devices.torch_gc()


def cast_to_device(tensor, device, dtype, copy=False):
    return tensor.to(device=device, dtype=dtype, copy=copy)


def should_use_fp16(*args, **kwargs):
    return devices.dtype_unet == torch.float16


def should_use_bf16(*args, **kwargs):
    return False


def is_device_cpu(device):
    return device.type == "cpu"


def is_device_mps(device):
    return device.type == "mps"
