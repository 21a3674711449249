"""The one device the host computes on, and the helpers extensions call."""

import contextlib
import gc

import torch

cpu = torch.device("cpu")
device = device_interrogate = device_gfpgan = device_esrgan = device_codeformer = cpu
dtype = dtype_vae = dtype_unet = dtype_inference = torch.float32
fp8 = False
unet_needs_upcast = False


def configure(name):
    """Choose the device and the UNet's dtype: float16 on CUDA, float32 elsewhere. The VAE is always float32."""
    global device, dtype, dtype_unet, dtype_inference
    device = torch.device(name if name != "auto" else ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = dtype_unet = dtype_inference = torch.float16 if device.type == "cuda" else torch.float32


def get_optimal_device():
    return device


def get_optimal_device_name():
    return device.type


def get_device_for(task):
    return device


def has_mps():
    return device.type == "mps"


def torch_gc():
    """Give memory back to the GPU's driver; on a CPU there is none to give, and collecting takes longer than a small job."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def autocast(disable=False):
    return contextlib.nullcontext()


def without_autocast(disable=False):
    return contextlib.nullcontext()


def cond_cast_float(tensor):
    return tensor


def cond_cast_unet(tensor):
    return tensor.to(dtype_unet)


class NansException(Exception):
    pass


def test_for_nans(x, where):
    if torch.isnan(x).all():
        raise NansException(f"A tensor with all NaNs was produced in the {where}.")


def manual_seed(seed):
    torch.manual_seed(seed)


def randn(seed, shape, generator=None):
    """Normal noise on the CPU from `seed` (or from the given generator), moved to the device."""
    generator = generator or torch.Generator("cpu").manual_seed(int(seed))
    return torch.randn(shape, generator=generator).to(device)


def randn_local(seed, shape):
    return randn(seed, shape)


def randn_like(x):
    return torch.randn(x.shape).to(x)


def randn_without_seed(shape, generator=None):
    return torch.randn(shape, generator=generator).to(device)
