"""Helpers that Forge extensions import."""

import numpy as np
import torch


def HWC3(x):
    """uint8 [H, W] or [H, W, 1|3|4] -> [H, W, 3]; alpha is laid over white."""
    x = x[..., None] if x.ndim == 2 else x
    if x.shape[2] == 1:
        return np.concatenate([x, x, x], axis=2)
    if x.shape[2] == 3:
        return x
    colour, alpha = x[..., :3].astype(np.float32), x[..., 3:].astype(np.float32) / 255
    return (colour * alpha + 255 * (1 - alpha)).clip(0, 255).astype(np.uint8)


def numpy_to_pytorch(x):
    """uint8 [H, W, 3] -> float32 [1, H, W, 3], 0..1."""
    return torch.from_numpy(np.ascontiguousarray(x.astype(np.float32) / 255)[None])


def pytorch_to_numpy(x):
    """[B, H, W, C], 0..1 -> list of uint8 arrays."""
    return [np.clip(255 * one.cpu().numpy(), 0, 255).astype(np.uint8) for one in x]


def prepare_free_memory(aggressive=False):
    pass
