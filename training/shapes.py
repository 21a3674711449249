"""Signed distance functions of the shapes, and batched sphere tracing on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .scenes import SHAPES, Scene

FAR = 3.2  # a ray starts 1.5 before the object's centre and ends after this length
NEAR = 0.004  # closer than this is on the surface


def smooth_maximum(a: Tensor, b: Tensor, width: float) -> Tensor:
    blend = (width - (a - b).abs()).clamp_min(0) / width
    return torch.maximum(a, b) + blend * blend * width * 0.25


def smooth_minimum(a: Tensor, b: Tensor, width: float) -> Tensor:
    return -smooth_maximum(-a, -b, width)


def ball(p: Tensor, q: Tensor) -> Tensor:
    radii = q[..., :3]
    k0 = (p / radii).norm(dim=-1)
    return k0 * (k0 - 1) / (p / (radii * radii)).norm(dim=-1).clamp_min(1e-6)


def cube(p: Tensor, q: Tensor) -> Tensor:
    rounding = q[..., 3]
    d = p.abs() - (q[..., :3] - rounding[..., None])
    return d.clamp_min(0).norm(dim=-1) + d.amax(-1).clamp_max(0) - rounding


def ring(p: Tensor, q: Tensor) -> Tensor:
    x, y, z = p.unbind(-1)
    return torch.hypot(torch.hypot(x, z) - q[..., 0], y) - q[..., 1]


def vase(p: Tensor, q: Tensor) -> Tensor:
    x, y, z = p.unbind(-1)
    radius, wave, frequency, phase, slope, height = q[..., :6].unbind(-1)
    outline = radius + wave * torch.sin(frequency * y + phase) + slope * y
    return smooth_maximum((torch.hypot(x, z) - outline.clamp_min(0.08)) * 0.75, y.abs() - height, 0.06)


def blob(p: Tensor, q: Tensor) -> Tensor:
    first, *rest = ((p - q[..., i:i + 3]).norm(dim=-1) - q[..., i + 3] for i in (0, 4, 8))
    for d in rest:
        first = smooth_minimum(first, d, 0.25)
    return first


def cone(p: Tensor, q: Tensor) -> Tensor:
    x, y, z = p.unbind(-1)
    base, height = q[..., 0], q[..., 1]
    side = (torch.hypot(x, z) - base * (height - y) / (2 * height)) * 0.9
    return smooth_maximum(side, -height - y, 0.1)


DISTANCES = {"ball": ball, "cube": cube, "ring": ring, "vase": vase, "blob": blob, "cone": cone}


@dataclass
class Geometry:
    """Visible surface of the objects; outside of them normal and local are undefined."""

    alpha: Tensor  # [B, 1, H, W], 0..1
    normal: Tensor  # [B, 3, H, W], unit, world axes
    local: Tensor  # [B, 3, H, W], position in the object's own axes


def stacked(scenes: Sequence[Scene], field: str, device: torch.device) -> Tensor:
    return torch.tensor(np.stack([getattr(s, field) for s in scenes]), dtype=torch.float32, device=device)


def camera_rays(scenes: Sequence[Scene], size: int, rotation: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return start points [B, size*size, 3] and directions [B, 1, 3] in the objects' own axes."""
    device = rotation.device
    centre = stacked(scenes, "centre", device)
    axis = (torch.arange(size, device=device) + 0.5) / size * 2 - 1
    gy, gx = torch.meshgrid(-axis, axis, indexing="ij")
    x = (gx.reshape(1, -1) - centre[:, :1]) / scale
    y = (gy.reshape(1, -1) - centre[:, 1:]) / scale
    ray = torch.tensor([0.0, 0.0, -1.0], device=device).expand(len(scenes), 1, 3)
    return torch.stack([x, y, torch.full_like(x, 1.5)], -1) @ rotation, ray @ rotation


def gradient(distance, position: Tensor, params: Tensor, step: float = 2e-3) -> Tensor:
    """Return the gradient of the distance, [B, N, 3], from the four corners of a tetrahedron; not normalised."""
    out = torch.zeros_like(position)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        e = torch.tensor(corner, dtype=torch.float32, device=position.device)
        out = out + e * distance(position + e * step, params)[..., None]
    return out


def trace_one_shape(scenes: Sequence[Scene], kind: str, size: int, device: torch.device, steps: int = 26) -> Geometry:
    distance, count = DISTANCES[kind], len(scenes)
    params = stacked(scenes, "shape_params", device)[:, None, :]
    rotation = stacked(scenes, "rotation", device)
    scale = stacked(scenes, "scale", device)[:, None]
    start, ray = camera_rays(scenes, size, rotation, scale)
    t = torch.zeros_like(start[..., 0])
    nearest = torch.full_like(t, 9.0)
    for _ in range(steps):
        d = distance(start + ray * t[..., None], params)
        nearest = torch.minimum(nearest, d)
        t = (t + d * 0.95).clamp_max(FAR)
    position = start + ray * t[..., None]
    alpha = (0.5 - nearest * scale * size / 2).clamp(0, 1)
    alpha = torch.where(nearest < NEAR, torch.ones_like(alpha), alpha)
    normal = torch.nn.functional.normalize(gradient(distance, position, params), dim=-1) @ rotation.transpose(1, 2)

    def as_image(values: Tensor) -> Tensor:
        return values.reshape(count, size, size, -1).permute(0, 3, 1, 2).contiguous()

    return Geometry(as_image(alpha[..., None]), as_image(normal), as_image(position))


def trace(scenes: Sequence[Scene], size: int, device: torch.device | str = "cpu") -> Geometry:
    """Return alpha, normals and local positions; scenes of one shape are traced together."""
    device = torch.device(device)

    def blank(channels: int) -> Tensor:
        return torch.zeros(len(scenes), channels, size, size, device=device)

    out = Geometry(blank(1), blank(3), blank(3))
    for k, kind in enumerate(SHAPES):
        rows = [i for i, s in enumerate(scenes) if s.shape == k]
        if rows:
            part = trace_one_shape([scenes[i] for i in rows], kind, size, device)
            out.alpha[rows], out.normal[rows], out.local[rows] = part.alpha, part.normal, part.local
    return out
