"""One denoising step: the conditional and the unconditional rows through the UNet, then classifier-free guidance."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .conditions import Row, batch_conditions
from .patcher import UNCOND_ALWAYS, load_patchers
from .unet_patcher import UnetPatcher

COND, UNCOND = 0, 1
"""The numbers that patches read in cond_or_uncond."""


def guided_step(unet: UnetPatcher, x: Tensor, sigma: Tensor, cond: Tensor, uncond: Tensor | None, scale: float,
                image_cond: Tensor | None = None) -> Tensor:
    """Return the denoised latent, [B, 4, h, w]: uncond + scale · (cond - uncond) (Ho & Salimans, 2022).

    x: [B, 4, h, w] at noise level sigma [B]; cond, uncond: text tokens [B, T, D]. image_cond: a concat condition that the
    UNet's own replaces; either counts only where it has x's batch and size. At scale 1 the unconditional rows do not run.
    """
    options = unet.model_options
    if math.isclose(scale, 1.0) and not options.get(UNCOND_ALWAYS, False):
        uncond = None
    concat = unet.extra_concat_condition if unet.extra_concat_condition is not None else image_cond
    if concat is not None and (concat.shape[0], *concat.shape[2:]) != (x.shape[0], *x.shape[2:]):
        concat = None
    rows = [Row(cond, concat, True)] + ([Row(uncond, concat, False)] if uncond is not None else [])
    cond_pred, uncond_pred = predict(unet, rows, x, sigma)
    given = {"cond_scale": scale, "timestep": sigma, "sigma": sigma, "input": x, "model": unet.model, "model_options": options,
             "cond_denoised": cond_pred, "uncond_denoised": uncond_pred}
    combine = options.get("sampler_cfg_function")
    if combine is None:
        denoised = uncond_pred + (cond_pred - uncond_pred) * scale
    else:
        denoised = x - combine({**given, "cond": x - cond_pred, "uncond": x - uncond_pred})
    for change in options.get("sampler_post_cfg_function", ()):
        denoised = change({**given, "denoised": denoised, "cond": cond, "uncond": uncond})
    return denoised


def predict(unet: UnetPatcher, rows: list[Row], x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Return the predictions for the condition and for its absence (zeros without such a row), each like x.

    Rows that fit together run in one call, the unconditional one first.
    """
    results = {True: torch.zeros_like(x), False: torch.zeros_like(x)}
    together = len(rows) == 2 and rows[0].joins(rows[1])
    for batch in ([rows[::-1]] if together else [[row] for row in rows]):
        for row, output in zip(batch, _run(unet, batch, x, sigma)):
            results[row.is_cond] = output
    return results[True], results[False]


def _run(unet: UnetPatcher, rows: list[Row], x: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
    count, kinds = len(rows), [COND if row.is_cond else UNCOND for row in rows]
    c: dict[str, Any] = dict(batch_conditions(rows, x.shape[0], x.device))
    c["transformer_options"] = _transformer_options(unet, kinds, sigma)
    xs, sigmas = torch.cat([x] * count), torch.cat([sigma] * count)
    for control in unet.controlnets():
        control.transformer_options = c["transformer_options"]
    first = unet.controlnet_linked_list
    if first is not None:
        c["control"] = first.get_control(xs, sigmas, dict(c), count)
    apply_model, wrapper = unet.model.apply_model, unet.model_options.get("model_function_wrapper")
    if wrapper is None:
        return apply_model(xs, sigmas, **c).chunk(count)
    return wrapper(apply_model, {"input": xs, "timestep": sigmas, "c": c, "cond_or_uncond": kinds}).chunk(count)


def _transformer_options(unet: UnetPatcher, kinds: list[int], sigma: Tensor) -> dict[str, Any]:
    """Return the patcher's options with what patches are told about the rows: which are conditional, at which sigma."""
    marks = [kind for kind in kinds for _ in range(len(sigma))]
    by_kind = {kind: [row for row, mark in enumerate(marks) if mark == kind] for kind in (COND, UNCOND)}
    return {**unet.transformer_options, "cond_or_uncond": kinds, "sigmas": sigma, "cond_mark": torch.tensor(marks).to(sigma),
            "cond_indices": by_kind[COND], "uncond_indices": by_kind[UNCOND]}


def begin_sampling(unet: UnetPatcher) -> None:
    """Load the UNet with this clone's patches and the ControlNets' models, and start the ControlNets."""
    controlnets = list(unet.controlnets())
    load_patchers([unet, *(model for control in controlnets[:1] for model in control.get_models())])
    for control in controlnets:
        control.pre_run(unet.model, unet.model.predictor.percent_to_sigma)


def end_sampling(unet: UnetPatcher) -> None:
    """Release the ControlNets."""
    for control in unet.controlnets():
        control.cleanup()
