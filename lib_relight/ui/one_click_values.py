"""Values that the one-click buttons set: output size, the original demos' settings, img2img strength.

Names with "host_" in front are the host's controls (`host_steps`), all others are panel fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

SHORTEST, LONGEST, STEP = 512, 1536, 64
LARGEST_AREA = 1024 * 1024
"""Pixels; above it SD 1.5 tends to duplicate the subject. The limit of the original demo."""
QUALITY = "best quality"
NEGATIVE = "lowres, bad anatomy, bad hands, cropped, worst quality"
SAMPLER, SCHEDULER = "DPM++ 2M SDE", "Karras"
RELIGHT_STRENGTH = 0.95

HOST_IDS = {
    "host_prompt": "{tab}_prompt", "host_negative": "{tab}_neg_prompt", "host_steps": "{tab}_steps",
    "host_sampler": "{tab}_sampling", "host_scheduler": "{tab}_scheduler", "host_width": "{tab}_width",
    "host_height": "{tab}_height", "host_cfg": "{tab}_cfg_scale", "host_denoise": "{tab}_denoising_strength",
    "host_seed": "{tab}_seed", "host_hires": "{tab}_hr-checkbox", "host_hires_scale": "{tab}_hr_scale",
    "host_hires_upscaler": "{tab}_hr_upscaler", "host_hires_steps": "{tab}_hires_steps", "host_hires_cfg": "{tab}_hr_cfg",
}
"""Element ids of the host's controls; those missing on a host or a tab are skipped."""

ORIGINALS = {
    "fc": {"host_steps": 25, "host_cfg": 2.0, "host_hires_cfg": 2.0, "txt2img": 0.5, "img2img": RELIGHT_STRENGTH},
    "fbc": {"host_steps": 20, "host_cfg": 7.0, "host_hires_cfg": 7.0, "txt2img": 0.5, "img2img": 1.0},
}
"""Settings of the two original demos; under a tab's name the denoising strength (of the second pass in txt2img)."""
HIRES = {"host_hires_scale": 1.5, "host_hires_upscaler": "Lanczos", "host_hires_steps": 0}
"""The original's second pass; applied where the user has switched hires on."""


def fit_size(width: int, height: int) -> tuple[int, int]:
    """Output size for an image: its aspect ratio in 64-pixel steps, 512..1536 a side, at most LARGEST_AREA pixels."""
    scale = min(1.0, math.sqrt(LARGEST_AREA / (width * height)))
    scale = max(scale, SHORTEST / min(width, height))
    sides = [min(max(round(side * scale / STEP) * STEP, SHORTEST), LONGEST) for side in (width, height)]
    while sides[0] * sides[1] > LARGEST_AREA and max(sides) > SHORTEST:
        sides[sides.index(max(sides))] -= STEP
    return sides[0], sides[1]


def original_settings(kind: str, tab: str, current: Mapping, samplers: Iterable[str]) -> dict:
    """Values of one of the original demos. kind: fc or fbc; current: the page's values; samplers: the host's choices.

    Hires stays on or off; its values are set where it is on.
    """
    changes = {**set_up(kind, tab, current), "iclight": True, "model": kind, "compensate_steps": True,
               "host_prompt": add_words(current.get("host_prompt"), QUALITY),
               "host_negative": add_words(current.get("host_negative"), NEGATIVE)}
    return {**changes, **sampler_settings(samplers)}


def set_up(kind: str, tab: str, current: Mapping, size: tuple[int, int] | None = None) -> dict:
    """Steps, CFG scale and strength for relighting, and the output size for a subject of `size`; hires stays on or off."""
    wanted = dict(ORIGINALS[kind])
    strengths = {name: wanted.pop(name) for name in ("txt2img", "img2img")}
    if tab == "img2img" or current.get("host_hires"):
        wanted["host_denoise"] = strengths[tab]
    if current.get("host_hires"):
        wanted.update(HIRES)
    if size is not None:
        wanted["host_width"], wanted["host_height"] = fit_size(*size)
    return wanted


def set_up_words(changes: Mapping, current: Mapping) -> str:
    """What `set_up` changed, such as "512×640, CFG 2, 25 steps, denoising 0.95"."""
    after = {**current, **changes}
    parts = []
    if "host_width" in changes or "host_height" in changes:
        parts.append(f"{after['host_width']:g}\N{MULTIPLICATION SIGN}{after['host_height']:g}")
    if "host_cfg" in changes:
        parts.append(f"CFG {changes['host_cfg']:g}")
    if "host_steps" in changes:
        parts.append(f"{changes['host_steps']:g} steps")
    if "host_denoise" in changes:
        parts.append(f"denoising {changes['host_denoise']:g}")
    return ", ".join(parts)


def sampler_settings(samplers: Iterable[str]) -> dict:
    """The original's sampler as this host names it; empty if the host does not have it."""
    names = list(samplers)
    joined = f"{SAMPLER} {SCHEDULER}"
    if joined in names:
        return {"host_sampler": joined}
    return {"host_sampler": SAMPLER, "host_scheduler": SCHEDULER} if SAMPLER in names else {}


def relight_settings(current: Mapping) -> dict:
    """img2img: raise the denoising strength to RELIGHT_STRENGTH; never lower it."""
    strength = current.get("host_denoise")
    return {"iclight": True, **({"host_denoise": RELIGHT_STRENGTH} if (strength or 0) < RELIGHT_STRENGTH else {})}


def words(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()]


def add_words(prompt: str | None, addition: str) -> str:
    """Append the addition to the prompt unless the prompt already contains its words in sequence."""
    prompt = prompt or ""
    have, new = ([part.casefold() for part in words(text)] for text in (prompt, addition))
    if not new or any(have[i:i + len(new)] == new for i in range(len(have))):
        return prompt
    start = prompt.rstrip().rstrip(",").rstrip()
    return f"{start}, {addition.strip()}" if start else addition.strip()


def without_unchanged(changes: Mapping, current: Mapping) -> dict:
    """Drop changes of controls that do not exist or already have the value."""
    return {name: value for name, value in changes.items() if name in current and current[name] != value}
