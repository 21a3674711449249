"""The text below an image: prompt, negative prompt, then `Key: value` pairs as in A1111. Needed by: modules/processing*."""

from __future__ import annotations

import json
from typing import Any

from modules import errors
from modules.shared import opts

VERSION = "relight-embedded"


def quoted(value: Any) -> str:
    """Return a value as text, JSON-quoted when it holds a comma, colon or newline, so that a reader finds its end."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(",:\n") else text


def infotext_of(p: Any, index: int, prompts: list[str], negative_prompts: list[str], seeds: list[int],
                subseeds: list[int]) -> str:
    """Return the text of one image; index: its place in the four lists.

    A value of p.extra_generation_params may be a list, with an entry for each image, or a function of keyword arguments
    p, index, prompt_text and negative_prompt; None leaves the key out.
    """
    prompt, negative = prompts[index], negative_prompts[index]
    given = {"p": p, "index": index, "prompt_text": prompt, "negative_prompt": negative}
    pairs = {**_settings(p, seeds[index], subseeds[index]), **p.extra_generation_params}
    if opts.add_version_to_infotext:
        pairs["Version"] = VERSION
    values = {key: _resolved(key, value, given) for key, value in pairs.items()}
    lines = [prompt, f"Negative prompt: {negative}" if negative else None,
             ", ".join(f"{key}: {quoted(value)}" for key, value in values.items() if value is not None)]
    return "\n".join(line for line in lines if line is not None).strip()


def _settings(p: Any, seed: int, subseed: int) -> dict[str, Any]:
    """Return the pairs of every job in their order; those of the job's own kind are overwritten in place."""
    clip_skip = int(opts.CLIP_stop_at_last_layers)
    pairs = {"Steps": p.steps, "Sampler": p.sampler_name, "Schedule type": p.scheduler, "CFG scale": p.cfg_scale, "Seed": seed,
             "Size": f"{p.width}x{p.height}"}
    if opts.add_model_hash_to_info:
        pairs["Model hash"] = p.sd_model_hash
    if opts.add_model_name_to_info:
        pairs["Model"] = p.sd_model_name
    if p.subseed_strength:
        pairs |= {"Variation seed": subseed, "Variation seed strength": p.subseed_strength}
    resized = p.seed_resize_from_w, p.seed_resize_from_h
    if min(resized) > 0:
        pairs["Seed resize from"] = "x".join(map(str, resized))
    pairs["Denoising strength"] = None
    if clip_skip > 1:
        pairs["Clip skip"] = clip_skip
    if opts.randn_source != "GPU":
        pairs["RNG"] = opts.randn_source
    return pairs


def _resolved(key: str, value: Any, given: dict[str, Any]) -> Any:
    try:
        if callable(value):
            return value(**given)
        return value[given["index"]] if isinstance(value, list) else value
    except Exception:
        errors.report(f"The infotext's value of “{key}” could not be made", exc_info=True)
        return None
