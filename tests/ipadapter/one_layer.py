"""One attention layer with random weights: units, host inputs, and what the patch must give, written out."""

import types

import torch
from ipadapter.mini_host import host_attention
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches
from sd_relight.lib_ipadapter.attend.keys_values import compute_keys
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight
from torch.utils._python_dispatch import TorchDispatchMode

C, HEADS, D = 16, 4, 12
SLOT = ("input", 1)
LAYER = {0: (torch.randn(C, D, generator=torch.Generator().manual_seed(1)),
             torch.randn(C, D, generator=torch.Generator().manual_seed(2)))}


def make_unit(weight=1.0, cond=None, uncond=None, negative=False, **rest):
    generator = torch.Generator().manual_seed(3)
    cond = torch.randn(1, 4, D, generator=generator) if cond is None else cond
    uncond = torch.randn(1, 4, D, generator=generator) if uncond is None else uncond
    bias = rest.pop("bias", None)
    return Unit(compute_keys(LAYER, cond, uncond, bias), {0: LayerWeight(weight, negative)}, **rest), cond, uncond


def qkv(rows, seq=24):
    return torch.randn(rows, seq, C), torch.randn(rows, 7, C), torch.randn(rows, 7, C)


def options(chunks, images, size=(6, 4), **rest):
    return {"n_heads": HEADS, "cond_or_uncond": list(chunks), "sigmas": torch.ones(images),
            "original_shape": [images * len(chunks), 4, *size], **rest}


def image_attention(q, tokens):
    """softmax(q Kᵀ/√d) V for one row's tokens [S, D], written out head by head."""
    k, v = tokens @ LAYER[0][0].T, tokens @ LAYER[0][1].T
    width, parts = C // HEADS, []
    for h in range(HEADS):
        part = slice(h * width, (h + 1) * width)
        parts.append(torch.softmax(q[:, part] @ k[:, part].T / width**0.5, -1) @ v[:, part])
    return torch.cat(parts, -1)


def expected(q, k, v, flags, cond, uncond, weight=1.0):
    text = host_attention(q, k, v, HEADS)
    rows = [image_attention(q[r], (uncond if flag else cond)[0]) for r, flag in enumerate(flags)]
    return text + weight * torch.stack(rows)


def patch_of(unit, **rest):
    return build_patches([unit], "sd15", **rest)[SLOT]


class ForgeAdapter:
    """Arguments that the hosts' built-in adapter passes to set_new_condition."""

    def __init__(self):
        to_k, to_v = (torch.nn.Linear(D, C, bias=False) for _ in range(2))
        to_k.weight.data, to_v.weight.data = LAYER[0]
        self.ip_layers = types.SimpleNamespace(to_kvs={"1_to_k_ip": to_k, "1_to_v_ip": to_v})


def forge_options(weight=1.0, **rest):
    cond, uncond = torch.randn(1, 4, D), torch.randn(1, 4, D)
    return {"weight": weight, "ipadapter": ForgeAdapter(), "number": 0, "cond": cond, "uncond": uncond,
            "weight_type": "original", "mask": None, "sigma_start": 999999999.9, "sigma_end": 0.0, "unfold_batch": False,
            **rest}


class Recorder(TorchDispatchMode):
    """The names of all operators that run."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.__name__.split(".")[0])
        return function(*args, **(kwargs or {}))
