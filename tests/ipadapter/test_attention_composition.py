"""Tests the attention patch beside others: the host's attention, earlier patches, the host's own adapter, copies."""

import copy

import pytest
import torch
from ipadapter.mini_host import CountedTensor, host_attention
from ipadapter.one_layer import HEADS, SLOT, D, expected, forge_options, make_unit, options, patch_of, qkv
from sd_relight.lib_ipadapter.attend.attention import build_patches, find_previous, sdpa
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid


def test_image_part_is_what_the_patch_adds():
    unit, *_ = make_unit(0.4)
    q, k, v = qkv(2)
    patch, opts = patch_of(unit), options([1, 0], 1)
    torch.testing.assert_close(patch(q, k, v, opts), host_attention(q, k, v, HEADS) + patch.image_part(q, opts),
                               atol=1e-6, rtol=0)


def test_sdpa_is_the_hosts():
    q, k, v = qkv(2)
    torch.testing.assert_close(sdpa(q, k, v, HEADS), host_attention(q, k, v, HEADS), atol=0, rtol=0)


def test_the_hosts_attention_makes_the_text_part():
    unit, *_ = make_unit()
    calls = []

    def attention(q, k, v, heads):
        calls.append(heads)
        return host_attention(q, k, v, heads)

    q, k, v = qkv(2)
    patch_of(unit, attention=attention)(q, k, v, options([1, 0], 1))
    assert calls == [HEADS]


def test_equal_in_any_order():
    a, *_ = make_unit(0.5, cond=torch.randn(1, 4, D), identity="a")
    b, *_ = make_unit(1.5, cond=torch.randn(1, 4, D), identity="b")
    c, *_ = make_unit(-0.3, cond=torch.randn(1, 4, D), identity="c")
    q, k, v = qkv(2)
    first = build_patches([a, b, c], "sd15")[SLOT](q, k, v, options([1, 0], 1))
    for order in ([b, a, c], [c, b, a]):
        assert torch.equal(build_patches(order, "sd15")[SLOT](q, k, v, options([1, 0], 1)), first)


def test_wraps_the_previous_patch():
    unit, cond, uncond = make_unit()
    q, k, v = qkv(2)

    def previous(q, k, v, extra):
        return 3 * host_attention(q, k, v, extra["n_heads"])

    patch = patch_of(unit, previous=lambda slot: find_previous({SLOT: previous}, slot))
    text = host_attention(q, k, v, HEADS)
    want = expected(q, k, v, [1, 0], cond, uncond) + 2 * text
    torch.testing.assert_close(patch(q, k, v, options([1, 0], 1)), want, atol=1e-5, rtol=0)


def test_previous_of_a_shorter_key():
    assert find_previous({("input", 4): print}, ("input", 4, 1)) is print
    assert find_previous({("input", 4): print, ("input", 4, 1): len}, ("input", 4, 1)) is len
    assert find_previous({("input", 5): print}, ("input", 4, 1)) is None


def test_the_hosts_adapter_after_us():
    unit, cond, uncond = make_unit(0.5)
    patch = patch_of(unit)
    theirs = forge_options(0.8)
    patch.set_new_condition(**theirs)
    q, k, v = qkv(2)
    own = expected(q, k, v, [1, 0], cond, uncond, 0.5)
    text = host_attention(q, k, v, HEADS)
    want = own + expected(q, k, v, [1, 0], theirs["cond"], theirs["uncond"], 0.8) - text
    torch.testing.assert_close(patch(q, k, v, options([1, 0], 1)), want, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("sigma", "active"), [(5.0, False), (2.0, True), (0.5, False)])
def test_the_hosts_adapter_keeps_its_sigma_range(sigma, active):
    unit, *_ = make_unit()
    patch, q_k_v = patch_of(unit), qkv(2)
    opts = options([1, 0], 1)
    opts["sigmas"] = CountedTensor([sigma])
    before = patch(*q_k_v, opts)
    patch.set_new_condition(**forge_options(sigma_start=3.0, sigma_end=1.0))
    assert torch.equal(patch(*q_k_v, opts), before) != active


def test_a_comfy_callback_is_added():
    unit, *_ = make_unit()
    patch, (q, k, v) = patch_of(unit), qkv(2)
    opts = options([1, 0], 1)
    before = patch(q, k, v, opts)
    patch.add(lambda out, q, k, v, extra, scale, **_: scale * q, scale=2.0, sigma_start=10.0, sigma_end=0.5)
    torch.testing.assert_close(patch(q, k, v, opts), before + 2 * q)
    opts["sigmas"] = torch.full((1,), 0.1)
    assert torch.equal(patch(q, k, v, opts), before)


def pointers(patch):
    return [t.data_ptr() for term in patch.terms for side in (term.keys.cond, term.keys.uncond) for t in side]


def test_five_deep_copies_share_every_tensor():
    unit, *_ = make_unit(mask=MaskGrid(torch.rand(1, 6, 4)))
    table = {"transformer_options": {"patches_replace": {"attn2": build_patches([unit], "sd15")}}}
    first = table["transformer_options"]["patches_replace"]["attn2"][SLOT]
    q, k, v = qkv(2)
    before = first(q, k, v, options([1, 0], 1))
    for _ in range(5):
        table = copy.deepcopy(table)
    last = table["transformer_options"]["patches_replace"]["attn2"][SLOT]
    assert last is not first
    assert pointers(last) == pointers(first)
    assert last.terms[0].mask.mask.data_ptr() == first.terms[0].mask.mask.data_ptr()
    assert torch.equal(last(q, k, v, options([1, 0], 1)), before)


def test_a_copy_takes_new_conditions_alone():
    unit, *_ = make_unit()
    first = patch_of(unit)
    clone = copy.deepcopy(first)
    clone.set_new_condition(**forge_options())
    clone.add(print)
    assert (len(first.foreign), len(first.callbacks), len(clone.foreign), len(clone.callbacks)) == (0, 0, 1, 1)


def test_applied_twice_counts_once():
    """Forge's hires pass calls the hook on the clone that is patched already."""
    unit, cond, uncond = make_unit(0.5)
    q, k, v = qkv(2)
    opts = options([1, 0], 1)
    table = {SLOT: lambda q, k, v, extra: 3 * host_attention(q, k, v, HEADS)}
    results = []
    for _ in range(3):
        table.update(build_patches([unit], "sd15", previous=lambda slot: find_previous(table, slot)))
        results.append(table[SLOT](q, k, v, opts))
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_applied_twice_keeps_what_others_added():
    unit, *_ = make_unit(0.5)
    table = build_patches([unit], "sd15")
    table[SLOT].set_new_condition(**forge_options())
    table[SLOT].add(lambda out, q, *_: q)
    q, k, v = qkv(2)
    before = table[SLOT](q, k, v, options([1, 0], 1))
    table.update(build_patches([unit], "sd15", previous=lambda slot: find_previous(table, slot)))
    torch.testing.assert_close(table[SLOT](q, k, v, options([1, 0], 1)), before)
