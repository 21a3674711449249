"""Computes per-layer weights from the named weight types or from custom layer weights.

Tables as in ComfyUI_IPAdapter_plus, for both bases. `t` is the index of a spatial transformer in execution order.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import IpAdapterError
from ..params import WEIGHT_TYPES, parse_layer_weights
from ..unet_layers import BASE_NAMES, TRANSFORMERS, part_of


class LayerWeight(NamedTuple):
    """value: factor of the image's part.  negative: the image prompts the unconditional rows only, which pushes the result
    away from that aspect (the `precise` types)."""

    value: float
    negative: bool = False


COMPOSITION = {"sd15": (4, 5), "sdxl": (3,)}
STYLE = {"sd15": (0, 1, 2, 3, 9, 10, 11, 12, 13, 14, 15), "sdxl": (6,)}


def transformer_weights(weight_type: str, base: str, weight: float, *, composition_weight: float = 1.0,
                        boost: float = 1.0, layer_weights: str = "") -> dict[int, LayerWeight]:
    """Return {spatial transformer: LayerWeight}; layers without effect, such as weight 0, are omitted.

    weight: the unit's own.  composition_weight: for the style-and-composition types.  boost: for the precise types.
    layer_weights: custom table as `params.parse_layer_weights` reads it; replaces the type.
    """
    if base not in TRANSFORMERS:
        raise IpAdapterError(f"`{base}` is no base model that IP-Adapter runs on; use one of {', '.join(TRANSFORMERS)}.")
    if weight == 0:
        return {}
    if layer_weights:
        table = {t: LayerWeight(v * weight) for t, v in own_table(layer_weights, base).items()}
    else:
        table = named_table(weight_type, base, weight, composition_weight, boost)
    return {t: entry for t, entry in sorted(table.items()) if entry.value != 0}


def own_table(text: str, base: str) -> dict[int, float]:
    table = parse_layer_weights(text)
    count = TRANSFORMERS[base]
    if table and max(table) >= count:
        raise IpAdapterError(f"`layer_weights` names transformer {max(table)}, but {BASE_NAMES[base]} has {count} "
                             f"(0 to {count - 1}); leave out what is above.")
    return table


def named_table(kind: str, base: str, weight: float, composition: float, boost: float) -> dict[int, LayerWeight]:
    count = TRANSFORMERS[base]
    ramp = RAMPS.get(kind)
    if ramp:
        return {t: LayerWeight(weight * ramp(t, count)) for t in range(count)}
    if kind in PARTS:
        return {t: LayerWeight(weight * (0.2 if part_of(base, t) in PARTS[kind] else 1.0)) for t in range(count)}
    if kind in ASPECTS:
        return ASPECTS[kind](base, weight, composition)
    if kind in PRECISE:
        return PRECISE[kind](base, weight, boost)
    raise IpAdapterError(f"`weight_type` is {kind!r}; choose one of {', '.join(WEIGHT_TYPES)}.")


RAMPS = {
    "linear": lambda t, n: 1.0,
    "ease in": lambda t, n: 0.05 + 0.95 * (1 - t / n),
    "ease out": lambda t, n: 0.05 + 0.95 * (t / n),
    "ease in-out": lambda t, n: 0.05 + 0.95 * (1 - abs(t - n / 2) / (n / 2)),
    "reverse in-out": lambda t, n: 0.05 + 0.95 * (abs(t - n / 2) / (n / 2)),
}

PARTS = {
    "weak input": ("input",),
    "weak middle": ("middle",),
    "weak output": ("output",),
    "strong middle": ("input", "output"),
}


def style(base: str, weight: float) -> dict[int, LayerWeight]:
    return {t: LayerWeight(weight) for t in STYLE[base]}


def composition_only(base: str, weight: float, negative: bool = False) -> dict[int, LayerWeight]:
    """Weight the composition layers; on SD 1.5 the first of the two takes a quarter of the weight."""
    shares = (0.25, 1.0) if base == "sd15" else (1.0,)
    return {t: LayerWeight(share * weight, negative) for t, share in zip(COMPOSITION[base], shares)}


def all_but_composition(base: str, weight: float) -> dict[int, LayerWeight]:
    return {t: LayerWeight(weight) for t in range(TRANSFORMERS[base]) if t not in COMPOSITION[base]}


ASPECTS = {
    "style transfer": lambda base, w, wc: style(base, w),
    "composition": lambda base, w, wc: composition_only(base, w),
    "strong style transfer": lambda base, w, wc: all_but_composition(base, w),
    "style and composition": lambda base, w, wc: {**style(base, w), **composition_only(base, wc)},
    "strong style and composition": lambda base, w, wc: {
        **all_but_composition(base, w), **{t: LayerWeight(wc) for t in COMPOSITION[base]}},
}


def style_precise(base: str, weight: float, boost: float) -> dict[int, LayerWeight]:
    """Apply style, and push the result away from the image's composition."""
    return {**style(base, weight), **composition_only(base, boost, negative=True)}


def composition_precise(base: str, weight: float, boost: float) -> dict[int, LayerWeight]:
    """Apply composition, and push the result away from style with the full boost and from the rest with a tenth of it."""
    table = {t: LayerWeight(0.1 * boost, negative=True) for t in range(TRANSFORMERS[base])}
    table.update({t: LayerWeight(boost, negative=True) for t in STYLE[base]})
    table.update(composition_only(base, weight))
    return table


PRECISE = {"style transfer precise": style_precise, "composition precise": composition_precise}
