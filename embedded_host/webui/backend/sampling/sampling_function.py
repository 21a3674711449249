"""One denoising step: rows of cond and uncond through the UNet in one call, then classifier-free guidance.

Interface as Forge main dfdcbab6 backend/sampling/sampling_function.py: unconditional rows first, cond_or_uncond [1, 0].
"""

import math

import torch

from backend import memory_management
from backend.sampling.condition import Condition, compile_conditions

COND, UNCOND = 0, 1


def sampling_function(denoiser, denoiser_params, cond_scale):
    """(denoised, cond_pred, uncond_pred) of one step; denoiser_params: CFGDenoiserParams."""
    unet = denoiser.inner_model.inner_model.forge_objects.unet
    model, options, x = unet.model, unet.model_options, denoiser_params.x
    timestep, seed = denoiser_params.sigma, denoiser.p.seeds[0]
    cond, uncond = compile_conditions(denoiser_params.text_cond), compile_conditions(denoiser_params.text_uncond)
    concat = unet.extra_concat_condition if unet.extra_concat_condition is not None else denoiser_params.image_cond
    for entry in [*cond, *(uncond or ())]:
        if torch.is_tensor(concat) and concat.shape[0] == x.shape[0] and concat.shape[2:] == x.shape[2:]:
            entry["model_conds"]["c_concat"] = Condition(concat)
        if unet.controlnet_linked_list is not None:
            entry["control"] = unet.controlnet_linked_list
    for modifier in options.get("conditioning_modifiers", []):
        model, x, timestep, uncond, cond, cond_scale, options, seed = modifier(
            model, x, timestep, uncond, cond, cond_scale, options, seed)
    return sampling_function_inner(model, x, timestep, uncond, cond, cond_scale, options, seed, return_full=True)


def sampling_function_inner(model, x, timestep, uncond, cond, cond_scale, model_options, seed=None, return_full=False):
    plain = math.isclose(cond_scale, 1.0) and not model_options.get("disable_cfg1_optimization", False)
    used_uncond = None if plain else uncond
    for function in model_options.get("sampler_pre_cfg_function", []):
        model, cond, used_uncond, x, timestep, model_options = function(model, cond, used_uncond, x, timestep, model_options)
    cond_pred, uncond_pred = calc_cond_uncond_batch(model, cond, used_uncond, x, timestep, model_options)
    given = {"cond_scale": cond_scale, "timestep": timestep, "sigma": timestep, "input": x, "model": model,
             "model_options": model_options, "cond_denoised": cond_pred, "uncond_denoised": uncond_pred}
    if "sampler_cfg_function" in model_options:
        args = {**given, "cond": x - cond_pred, "uncond": x - uncond_pred}
        result = x - model_options["sampler_cfg_function"](args)
    else:
        result = uncond_pred + (cond_pred - uncond_pred) * cond_scale
    for function in model_options.get("sampler_post_cfg_function", []):
        result = function({**given, "denoised": result, "cond": cond, "uncond": uncond})
    return (result, cond_pred, uncond_pred) if return_full else result


def calc_cond_uncond_batch(model, cond, uncond, x_in, timestep, model_options):
    """Predictions for the condition and for its absence (zeros where uncond is None), each like x_in."""
    todo = [(entry, COND) for entry in cond] + [(entry, UNCOND) for entry in uncond or ()]
    sums = {COND: torch.zeros_like(x_in), UNCOND: torch.zeros_like(x_in)}
    weights = {COND: 1e-37, UNCOND: 1e-37}
    while todo:
        first = todo[0][0]
        chunk = [item for item in todo if _fits(first, item[0])][::-1]
        todo = [item for item in todo if not any(item is taken for taken in chunk)]
        outputs = _apply(model, chunk, x_in, timestep, model_options)
        for (entry, kind), output in zip(chunk, outputs):
            strength = entry.get("strength", 1.0)
            sums[kind] = sums[kind] + output * strength
            weights[kind] += strength
    return sums[COND] / weights[COND], sums[UNCOND] / weights[UNCOND]


def _fits(first, other):
    a, b = first["model_conds"], other["model_conds"]
    return first.get("control") is other.get("control") and a.keys() == b.keys() and all(
        a[key].can_concat(b[key]) for key in a)


def _apply(model, chunk, x_in, timestep, model_options):
    kinds = [kind for _, kind in chunk]
    batch, count = x_in.shape[0], len(kinds)
    conds = [{key: value.process_cond(batch_size=batch, device=x_in.device)
              for key, value in entry["model_conds"].items()} for entry, _ in chunk]
    c = {key: conds[0][key].concat([other[key] for other in conds[1:]]) for key in conds[0]}
    c["transformer_options"] = _transformer_options(model_options, kinds, timestep)
    x, sigma = torch.cat([x_in] * count), torch.cat([timestep] * count)
    _add_control(chunk[0][0].get("control"), x, sigma, c, count)
    wrapper = model_options.get("model_function_wrapper")
    if wrapper is not None:
        output = wrapper(model.apply_model, {"input": x, "timestep": sigma, "c": c, "cond_or_uncond": kinds})
    else:
        output = model.apply_model(x, sigma, **c)
    return output.chunk(count)


def _transformer_options(model_options, kinds, timestep):
    size = int(timestep.shape[0])
    marks = [kind for kind in kinds for _ in range(size)]
    return {**model_options.get("transformer_options", {}),
            "cond_or_uncond": list(kinds), "sigmas": timestep, "cond_mark": torch.tensor(marks).to(timestep),
            "cond_indices": [row for row, kind in enumerate(marks) if kind == COND],
            "uncond_indices": [row for row, kind in enumerate(marks) if kind == UNCOND]}


def _add_control(control, x, sigma, c, count):
    if control is None:
        return
    pointer = control
    while pointer is not None:
        pointer.transformer_options = c["transformer_options"]
        pointer = pointer.previous_controlnet
    c["control"] = control.get_control(x, sigma, c.copy(), count)
    c["control_model"] = control


def sampling_prepare(unet, x):
    """Load the UNet with this clone's patches, and what it brings along."""
    extra = list(unet.extra_model_patchers_during_sampling)
    if unet.controlnet_linked_list is not None:
        extra += unet.controlnet_linked_list.get_models()
    memory_management.load_models_gpu([unet, *extra])
    for controlnet in unet.list_controlnets():
        controlnet.pre_run(unet.model, unet.model.predictor.percent_to_sigma)


def sampling_cleanup(unet):
    for controlnet in unet.list_controlnets():
        controlnet.cleanup()
