"""The text under a picture: prompt, negative prompt, then `Key: value` pairs, as A1111 writes it."""

import json

from modules import errors
from modules.shared import opts

VERSION = "relight-embedded"


def program_version():
    return VERSION


def quote(value):
    """JSON-quoted when it holds a comma, colon or newline, so that pasting finds its end."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else value


def create_infotext(p, all_prompts, all_seeds, all_subseeds, comments=None, iteration=0, position_in_batch=0,
                    use_main_prompt=False, index=None, all_negative_prompts=None):
    """The infotext of one picture. Values of p.extra_generation_params may be a list (one for each picture) or a function."""
    if use_main_prompt:
        index = 0
    elif index is None:
        index = position_in_batch + iteration * p.batch_size
    negatives = all_negative_prompts if all_negative_prompts is not None else p.all_negative_prompts
    prompt_text = p.main_prompt if use_main_prompt else all_prompts[index]
    negative_prompt = p.main_negative_prompt if use_main_prompt else negatives[index]
    seed = p.all_seeds[0] if use_main_prompt else all_seeds[index]
    subseed = p.all_subseeds[0] if use_main_prompt else all_subseeds[index]

    values = _values(p, seed, subseed)
    given = {"p": p, "index": index, "prompt_text": prompt_text, "negative_prompt": negative_prompt,
             "use_main_prompt": use_main_prompt, "all_prompts": all_prompts, "all_negative_prompts": negatives,
             "all_seeds": all_seeds, "all_subseeds": all_subseeds, "iteration": iteration,
             "position_in_batch": position_in_batch, "comments": comments, "generation_params": values}
    resolved = {key: _resolve(key, value, index, given) for key, value in list(values.items())}
    parts = [key if key == value else f"{key}: {quote(value)}" for key, value in resolved.items() if value is not None]
    negative = f"\nNegative prompt: {negative_prompt}" if negative_prompt else ""
    return f"{prompt_text}{negative}\n{', '.join(parts)}".strip()


def _values(p, seed, subseed):
    varied = p.subseed_strength != 0
    resized = p.seed_resize_from_w > 0 and p.seed_resize_from_h > 0
    clip_skip = int(getattr(p, "clip_skip", opts.CLIP_stop_at_last_layers))
    return {
        "Steps": p.steps,
        "Sampler": p.sampler_name,
        "Schedule type": p.scheduler,
        "CFG scale": p.cfg_scale,
        "Seed": seed,
        "Size": f"{p.width}x{p.height}",
        "Model hash": p.sd_model_hash if opts.add_model_hash_to_info else None,
        "Model": p.sd_model_name if opts.add_model_name_to_info else None,
        "Variation seed": subseed if varied else None,
        "Variation seed strength": p.subseed_strength if varied else None,
        "Seed resize from": f"{p.seed_resize_from_w}x{p.seed_resize_from_h}" if resized else None,
        "Denoising strength": p.extra_generation_params.get("Denoising strength"),
        "Clip skip": clip_skip if clip_skip > 1 else None,
        "RNG": opts.randn_source if opts.randn_source != "GPU" else None,
        **p.extra_generation_params,
        "Version": program_version() if opts.add_version_to_infotext else None,
    }


def _resolve(key, value, index, given):
    try:
        if isinstance(value, list):
            return value[index]
        return value(**given) if callable(value) else value
    except Exception:
        errors.report(f'Error creating infotext for key "{key}"', exc_info=True)
        return None
