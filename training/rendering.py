"""Renders scenes: the lit object before its wall, the wall alone, the object on grey under another light.

All images are float32 [B, 3, H, W], 0..1, sRGB (gamma 2.2), unless a name says linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .scenes import Scene, sample_scene, sample_style
from .shapes import SHAPES, Geometry, trace

GREY = 127.0 / 255.0
HELD_OUT_SEED = 1000  # training uses seeds below it


@dataclass
class Renders:
    target: Tensor  # object and wall, both lit by the scene's light
    foreground: Tensor  # the object on grey 127 under the other light: IC-Light's condition
    background: Tensor  # the wall alone, lit by the scene's light
    alpha: Tensor  # [B, 1, H, W], 0..1
    normal: Tensor  # [B, 3, H, W], unit, x right, y up, z to the viewer


def light_vector(angle: Tensor, elevation: Tensor) -> Tensor:
    """Return unit vectors towards the light, [B, 3], from degrees [B]."""
    a, e = torch.deg2rad(angle), torch.deg2rad(elevation)
    return torch.stack([a.cos() * e.cos(), a.sin() * e.cos(), e.sin()], -1)


def column(rows: Sequence, device: torch.device) -> Tensor:
    """Stack numbers or [C] arrays, one for each scene, to [B, C, 1, 1] or [B, 1, 1, 1]."""
    values = torch.tensor(np.array(rows), dtype=torch.float32, device=device)
    return values.reshape(len(rows), -1, 1, 1)


def to_srgb(linear: Tensor) -> Tensor:
    return linear.clamp(0, 1) ** (1 / 2.2)


def surface_albedo(scenes: Sequence[Scene], geometry: Geometry) -> Tensor:
    device = geometry.alpha.device
    frequency = column([s.style.stripes for s in scenes], device)
    wave = torch.sigmoid(6 * torch.sin(frequency * geometry.local[:, 1:2]))
    share = torch.where(frequency > 0, wave, torch.ones_like(wave))
    first = column([s.style.albedo for s in scenes], device)
    second = column([s.style.stripe_albedo for s in scenes], device)
    return first * share + second * (1 - share)


def shade(scenes: Sequence[Scene], geometry: Geometry, light: Tensor, light_rgb: Tensor, ambient_rgb: Tensor) -> Tensor:
    """Return the linear radiance of the objects. light [B, 3], unit; light_rgb and ambient_rgb [B, 3, 1, 1]."""
    facing = (geometry.normal * light[:, :, None, None]).sum(1, keepdim=True)
    diffuse = ((facing + 0.12) / 1.12).clamp_min(0)
    half = torch.nn.functional.normalize(light + torch.tensor([0.0, 0.0, 1.0], device=light.device), dim=-1)
    gloss = (geometry.normal * half[:, :, None, None]).sum(1, keepdim=True).clamp_min(0) ** 24
    specular = column([s.style.specular for s in scenes], light.device)
    body = surface_albedo(scenes, geometry) * (ambient_rgb + light_rgb * diffuse)
    return body + specular * gloss * light_rgb * (facing > 0)


def wall_profile(scenes: Sequence[Scene], gx: Tensor, gy: Tensor) -> Tensor:
    """Return the brightness of the wall, [B, 1, H, W]: bright on the light's side, dark on the other, with soft discs."""
    device = gx.device
    angle = torch.deg2rad(column([s.angle for s in scenes], device))
    reach = column([s.wall.reach for s in scenes], device)
    linear = ((gx * angle.cos() + gy * angle.sin() + 1) / 2).clamp(0, 1.2) ** reach
    squared = (gx - 1.15 * angle.cos()) ** 2 + (gy - 1.15 * angle.sin()) ** 2
    radial = 1.3 / (1 + squared / reach**2) ** 2
    is_radial = column([float(s.wall.radial) for s in scenes], device) > 0.5
    profile = torch.where(is_radial, radial, linear) * column([s.wall.gain for s in scenes], device)
    bokeh = torch.tensor(np.stack([s.wall.bokeh for s in scenes]), dtype=torch.float32, device=device)
    for disc in bokeh.unbind(1):
        x, y, radius, gain = (v[:, None, None, None] for v in disc.unbind(-1))
        shape = torch.sigmoid((radius - torch.hypot(gx - x, gy - y)) * 24)
        profile = profile + gain * shape * (0.15 + profile) * (radius > 0)
    return profile


def wall_linear(scenes: Sequence[Scene], size: int, device: torch.device) -> Tensor:
    axis = (torch.arange(size, device=device) + 0.5) / size * 2 - 1
    gy, gx = torch.meshgrid(-axis, axis, indexing="ij")
    profile = wall_profile(scenes, gx[None, None], gy[None, None])
    floor = column([s.wall.floor for s in scenes], device)
    colour = column([s.style.wall for s in scenes], device)
    return colour * (floor * 0.6 + profile * column([s.style.light_rgb for s in scenes], device))


def foreground_srgb(scenes: Sequence[Scene], geometry: Geometry) -> Tensor:
    device = geometry.alpha.device
    flat = torch.tensor([s.other.angle is None for s in scenes], device=device)
    angle = torch.tensor([s.other.angle or 0.0 for s in scenes], device=device)
    light = light_vector(angle, torch.tensor([s.other.elevation for s in scenes], device=device))
    light = torch.where(flat[:, None], torch.tensor([0.0, 0.0, 1.0], device=device), light)
    rgb = column([s.other.rgb for s in scenes], device)
    flat = flat[:, None, None, None]
    shaded = shade(scenes, geometry, light, rgb * torch.where(flat, 0.25, 0.8), rgb * torch.where(flat, 0.7, 0.22))
    return to_srgb(shaded) * geometry.alpha + GREY * (1 - geometry.alpha)


def lit_parts(scenes: Sequence[Scene], geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Return the linear radiance of the objects and of the walls in the scenes' own light."""
    device = geometry.alpha.device
    light = light_vector(torch.tensor([s.angle for s in scenes], device=device),
                         torch.tensor([s.elevation for s in scenes], device=device))
    light_rgb = column([s.style.light_rgb * s.intensity for s in scenes], device)
    bounce = column([s.ambient * (0.5 + 0.5 * s.style.wall) for s in scenes], device)
    return shade(scenes, geometry, light, light_rgb, bounce), wall_linear(scenes, geometry.alpha.shape[-1], device)


def render(scenes: Sequence[Scene], size: int, device: torch.device | str = "cpu") -> Renders:
    geometry = trace(scenes, size, device)
    lit, back = lit_parts(scenes, geometry)
    target = lit * geometry.alpha + back * (1 - geometry.alpha)
    return Renders(to_srgb(target), foreground_srgb(scenes, geometry), to_srgb(back), geometry.alpha, geometry.normal)


def soft_edged(scenes: Sequence[Scene], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the objects times their matte, the matte, and the walls times what is left of it; their sum is the picture.

    Each pixel is the mean of four rendered ones, so that edges are soft.
    """
    geometry = trace(scenes, 2 * size, "cpu")
    lit, back = map(to_srgb, lit_parts(scenes, geometry))
    parts = lit * geometry.alpha, geometry.alpha, back * (1 - geometry.alpha)
    subjects, mattes, walls = (torch.nn.functional.avg_pool2d(part, 2) for part in parts)
    return subjects, mattes, walls


def light_ramp(angle: float, size: int) -> Tensor:
    """Return a linear gradient [1, 3, H, W] in 0..1, bright towards `angle` degrees; IC-Light's own on the four axes."""
    axis = torch.linspace(-1, 1, size)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    plane = (axis[None, :] * c - axis[:, None] * s) / (abs(c) + abs(s))
    return ((plane + 1) / 2)[None, None].expand(1, 3, size, size).contiguous()


def to_uint8(images: Tensor) -> np.ndarray:
    """Convert [B, 3, H, W] in 0..1 to uint8 [B, H, W, 3]."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def held_out_scenes(count: int, seed: int = HELD_OUT_SEED) -> list[Scene]:
    """Return scenes that are not in the training data, every shape in turn."""
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, sample_style(rng), shape=i % len(SHAPES)) for i in range(count)]
