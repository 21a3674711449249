"""Tests that no layer synchronises with the device: no tensor is read, none is made from Python numbers."""

import pytest
import torch
from ipadapter.mini_host import host_attention
from ipadapter.one_layer import SLOT, C, D, Recorder
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches
from sd_relight.lib_ipadapter.attend.keys_values import compute_keys
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight

WAITING = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "_to_copy", "lift_fresh", "masked_select", "unique")


def unit(**rest):
    bias = rest.pop("bias", None)
    weight = rest.pop("weight", LayerWeight(0.7))
    layers = {0: (torch.randn(C, D), torch.randn(C, D))}
    keys = compute_keys(layers, torch.randn(1, 8, D), torch.randn(1, rest.pop("length", 8), D), bias)
    return Unit(keys, {0: weight}, **rest)


CASES = {
    "plain": dict(), "timed": dict(window=Window(0.1, 0.9, curve="fade out")), "mask": dict(mask=MaskGrid(torch.rand(1, 8, 8))),
    "masks": dict(mask=MaskGrid(torch.rand(2, 8, 8))), "K+V": dict(scaling="K+V"), "bias": dict(bias=torch.randn(8)),
    "precise": dict(weight=LayerWeight(1.5, negative=True)), "lengths": dict(length=5),
}


@pytest.mark.parametrize("case", CASES)
def test_a_layer_never_waits(case):
    clock = StepClock([3.0, 2.0, 1.0])
    patch = build_patches([unit(**CASES[case])], "sd15", clock=clock, attention=host_attention)[SLOT]
    q, k, v = torch.randn(4, 24, C), torch.randn(4, 7, C), torch.randn(4, 7, C)
    sigmas = torch.full((2,), 2.0)
    options = {"n_heads": 4, "cond_or_uncond": [1, 0], "sigmas": sigmas, "original_shape": [4, 4, 6, 4]}
    clock.observe(sigmas)
    patch(q, k, v, options)
    with Recorder() as recorder:
        patch(q, k, v, options)
    assert any("attention" in name or name == "bmm" for name in recorder.names)
    assert [name for name in recorder.names if name in WAITING] == []


def test_the_recorder_sees_a_read():
    with Recorder() as recorder:
        float(torch.ones(1) * 2)
    assert "_local_scalar_dense" in recorder.names


def test_a_host_without_a_table_gets_the_same_by_linearity():
    """to_out(text + image) = to_out(text) + to_out(image) − bias: how A1111's modules are extended from outside."""
    to_out = torch.nn.Linear(C, C)
    patch = build_patches([unit()], "sd15")[SLOT]
    q, k, v = torch.randn(4, 24, C), torch.randn(4, 7, C), torch.randn(4, 7, C)
    whole = patch(q, k, v, {"n_heads": 4, "cond_or_uncond": [0, 1], "sigmas": torch.ones(2), "original_shape": [4, 4, 6, 4]})
    text = host_attention(q, k, v, 4)
    # a batch that the host cuts into calls of its own: rows 0..2, then row 3
    parts = [patch.image_part(q[a:b], {"n_heads": 4, "row_flags": flags, "original_shape": [b - a, 4, 6, 4]})
             for a, b, flags in ((0, 3, (0, 0, 1)), (3, 4, (1,)))]
    outside = to_out(text) + to_out(torch.cat(parts)) - to_out.bias
    torch.testing.assert_close(outside, to_out(whole), atol=1e-5, rtol=0)
