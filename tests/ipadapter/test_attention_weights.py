"""Tests how the attention patch weighs an image: scalings, precise types, tokens, masks, layers, and when it works at all."""

import torch
from ipadapter.mini_host import CountedTensor, host_attention
from ipadapter.one_layer import HEADS, LAYER, C, D, expected, image_attention, make_unit, options, patch_of, qkv
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches, wanted_layers
from sd_relight.lib_ipadapter.attend.keys_values import KeyValues, compute_keys, size_in_bytes
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window
from sd_relight.lib_ipadapter.attend.weight_types import transformer_weights


def test_scalings():
    weight = 1.5
    q, k, v = qkv(2)
    text = host_attention(q, k, v, HEADS)
    opts = options([1, 0], 1)
    results = {}
    for scaling in ("V only", "K+V", "K+V w/ C penalty"):
        unit, cond, uncond = make_unit(weight, scaling=scaling)
        results[scaling] = patch_of(unit)(q, k, v, opts) - text
    sides = [uncond, cond]
    for scaling, w in (("K+V", weight), ("K+V w/ C penalty", weight * C / 1280)):
        keys = torch.cat([side @ LAYER[0][0].T for side in sides]) * w
        values = torch.cat([side @ LAYER[0][1].T for side in sides]) * w
        torch.testing.assert_close(results[scaling], host_attention(q, keys, values, HEADS), atol=1e-5, rtol=0)
    torch.testing.assert_close(results["V only"], expected(q, k, v, [1, 0], cond, uncond, weight) - text, atol=1e-5, rtol=0)


def test_precise_layers_prompt_the_unconditional_rows_with_the_image():
    unit, cond, _ = make_unit(2.0, negative=True)
    q, k, v = qkv(4)
    got = patch_of(unit)(q, k, v, options([1, 0], 2))
    text = host_attention(q, k, v, HEADS)
    assert torch.equal(got[2:], text[2:])
    want = text[:2] + 2 * torch.stack([image_attention(q[r], cond[0]) for r in range(2)])
    torch.testing.assert_close(got[:2], want, atol=1e-5, rtol=0)


def test_precise_layers_leave_a_conditional_call_alone():
    unit, *_ = make_unit(2.0, negative=True)
    q, k, v = qkv(1)
    assert torch.equal(patch_of(unit)(q, k, v, options([0], 1)), host_attention(q, k, v, HEADS))


def test_weighted_tokens_count_as_repeated_ones():
    """An image of weight 2 equals the same image given twice, in one softmax."""
    cond = torch.randn(1, 8, D)
    twice = torch.cat([cond, cond[:, 4:]], 1)
    bias = torch.tensor([1.0, 2.0]).log().repeat_interleave(4)
    uncond = torch.randn(1, 8, D)
    weighted, *_ = make_unit(cond=cond, uncond=uncond, bias=bias)
    repeated, *_ = make_unit(cond=twice, uncond=torch.cat([uncond, uncond[:, 4:]], 1))
    q, k, v = qkv(2)
    opts = options([1, 0], 1)
    torch.testing.assert_close(patch_of(weighted)(q, k, v, opts), patch_of(repeated)(q, k, v, opts), atol=1e-5, rtol=0)


def test_a_mask_with_the_precise_types():
    mask = torch.zeros(1, 6, 4)
    mask[:, :3] = 1
    unit, *_ = make_unit(negative=True, mask=MaskGrid(mask))
    free, *_ = make_unit(negative=True)
    q, k, v = qkv(2)
    opts = options([1, 0], 1)
    text = host_attention(q, k, v, HEADS)
    got, whole = patch_of(unit)(q, k, v, opts), patch_of(free)(q, k, v, opts)
    torch.testing.assert_close(got[0, :12], whole[0, :12])
    assert torch.equal(got[0, 12:], text[0, 12:])


def test_nothing_is_read_when_units_always_work():
    unit, *_ = make_unit()
    clock = StepClock([3.0, 2.0, 1.0])
    opts = {**options([1, 0], 1), "sigmas": CountedTensor([3.0])}
    patch_of(unit, clock=clock)(*qkv(2), opts)
    assert opts["sigmas"].reads == 0


def test_one_read_for_all_layers_of_a_model_call():
    layers = {num: LAYER[0] for num in range(16)}
    keys = compute_keys(layers, torch.randn(1, 4, D), torch.randn(1, 4, D))
    unit = Unit(keys, transformer_weights("linear", "sd15", 1.0), window=Window(0.0, 0.5))
    clock = StepClock([4.0, 3.0, 2.0, 1.0])
    patches = build_patches([unit], "sd15", clock=clock)
    assert len(patches) == 16
    for sigma, active in ((4.0, True), (3.0, True), (2.0, False), (1.0, False)):
        opts = options([1, 0], 1)
        opts["sigmas"] = CountedTensor([sigma])
        for patch in patches.values():
            q, k, v = qkv(2)
            assert torch.equal(patch(q, k, v, opts), host_attention(q, k, v, HEADS)) != active
        assert opts["sigmas"].reads == 1


def test_keys_only_where_there_is_a_weight():
    layers = {num: LAYER[0] for num in range(70)}
    weights = transformer_weights("style transfer", "sdxl", 1.0)
    wanted = wanted_layers(weights, "sdxl")
    assert wanted == list(range(34, 44))
    keys = compute_keys(layers, torch.randn(1, 4, D), torch.randn(1, 4, D), wanted=wanted)
    assert sorted(keys) == wanted
    assert size_in_bytes(keys) == 10 * 2 * 2 * 4 * C * 4
    assert set(build_patches([Unit(keys, weights)], "sdxl")) == {("output", 1, i) for i in range(10)}


def test_works_in_half_precision_and_without_gradients():
    unit, *_ = make_unit()
    q, k, v = (t.to(torch.bfloat16) for t in qkv(2))
    out = patch_of(unit)(q, k, v, options([1, 0], 1))
    assert out.dtype is torch.bfloat16
    assert not unit.keys[0].cond[0].requires_grad


def test_key_values_report_their_channels():
    assert KeyValues((torch.ones(1, 4, 40),) * 2, (torch.ones(1, 4, 40),) * 2).channels == 40
