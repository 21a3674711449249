"""Tests every entry of the weight tables, on both bases."""

import pytest
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight, transformer_weights
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.params import WEIGHT_TYPES

W, WC, B = 0.8, 0.5, 2.0
L = {"sd15": 16, "sdxl": 11}
INPUT = {"sd15": range(0, 6), "sdxl": range(0, 4)}
MIDDLE = {"sd15": [6], "sdxl": [4]}
OUTPUT = {"sd15": range(7, 16), "sdxl": range(5, 11)}


def every(base, value):
    return {t: value(t) for t in range(L[base])}


def part(base, where, inside, outside):
    return every(base, lambda t: inside if t in where[base] else outside)


def const(indices, value):
    return dict.fromkeys(indices, value)


STYLE15 = [0, 1, 2, 3, 9, 10, 11, 12, 13, 14, 15]
EXPECTED = {
    "linear": lambda b: every(b, lambda t: W),
    "ease in": lambda b: every(b, lambda t: W * (0.05 + 0.95 * (1 - t / L[b]))),
    "ease out": lambda b: every(b, lambda t: W * (0.05 + 0.95 * t / L[b])),
    "ease in-out": lambda b: every(b, lambda t: W * (0.05 + 0.95 * (1 - abs(t - L[b] / 2) / (L[b] / 2)))),
    "reverse in-out": lambda b: every(b, lambda t: W * (0.05 + 0.95 * abs(t - L[b] / 2) / (L[b] / 2))),
    "weak input": lambda b: part(b, INPUT, 0.2 * W, W),
    "weak middle": lambda b: part(b, MIDDLE, 0.2 * W, W),
    "weak output": lambda b: part(b, OUTPUT, 0.2 * W, W),
    "strong middle": lambda b: part(b, MIDDLE, W, 0.2 * W),
    "style transfer": lambda b: const([6], W) if b == "sdxl" else const(STYLE15, W),
    "composition": lambda b: const([3], W) if b == "sdxl" else {4: 0.25 * W, 5: W},
    "strong style transfer": lambda b: {t: W for t in range(L[b]) if t not in ([3] if b == "sdxl" else [4, 5])},
    "style and composition": lambda b: {3: WC, 6: W} if b == "sdxl" else {**const(STYLE15, W), 4: 0.25 * WC, 5: WC},
    "strong style and composition": lambda b: {
        **const(range(L[b]), W), **({3: WC} if b == "sdxl" else {4: WC, 5: WC})},
    "style transfer precise": lambda b: {3: -B, 6: W} if b == "sdxl" else {**const(STYLE15, W), 4: -0.25 * B, 5: -B},
    "composition precise": lambda b: (
        {**const(range(11), -0.1 * B), 3: W, 6: -B} if b == "sdxl"
        else {**const(STYLE15, -B), **const([6, 7, 8], -0.1 * B), 4: 0.25 * W, 5: W}),
}
"""A negative number means a layer that works on the unconditional rows alone, with that weight's size."""


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
@pytest.mark.parametrize("kind", WEIGHT_TYPES)
def test_table(kind, base):
    got = transformer_weights(kind, base, W, composition_weight=WC, boost=B)
    signed = {t: -entry.value if entry.negative else entry.value for t, entry in got.items()}
    assert signed == pytest.approx(dict(sorted(EXPECTED[kind](base).items())))


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
@pytest.mark.parametrize("kind", WEIGHT_TYPES)
def test_weight_zero_touches_nothing(kind, base):
    assert transformer_weights(kind, base, 0.0, composition_weight=WC, boost=B) == {}


def test_negative_weights_stay():
    assert transformer_weights("linear", "sdxl", -0.5)[7] == LayerWeight(-0.5)


def test_own_weights_take_the_place_of_the_type():
    got = transformer_weights("style transfer", "sd15", 0.5, layer_weights="3:2, 0:-1, 7:0")
    assert got == {0: LayerWeight(-0.5), 3: LayerWeight(1.0)}


def test_own_weights_beyond_the_base():
    with pytest.raises(IpAdapterError) as caught:
        transformer_weights("linear", "sdxl", 1.0, layer_weights="11:1")
    assert str(caught.value) == ("`layer_weights` names transformer 11, but SDXL has 11 (0 to 10); leave out what is above.")
