"""Tests the attention patch: rows, composition, copies, timing, scalings, precise types."""

import copy
import types

import pytest
import torch
from ipadapter.mini_host import CountedTensor, host_attention
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches, find_previous, sdpa, wanted_layers
from sd_relight.lib_ipadapter.attend.batch_rows import Segment, row_layout
from sd_relight.lib_ipadapter.attend.keys_values import KeyValues, compute_keys, size_in_bytes
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.timing import StepClock, Window
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight, transformer_weights

C, HEADS, D = 16, 4, 12
SLOT = ("input", 1)
LAYER = {0: (torch.randn(C, D, generator=torch.Generator().manual_seed(1)),
             torch.randn(C, D, generator=torch.Generator().manual_seed(2)))}


def make_unit(weight=1.0, cond=None, uncond=None, negative=False, **rest):
    generator = torch.Generator().manual_seed(3)
    cond = torch.randn(1, 4, D, generator=generator) if cond is None else cond
    uncond = torch.randn(1, 4, D, generator=generator) if uncond is None else uncond
    bias = rest.pop("bias", None)
    return Unit(compute_keys(LAYER, cond, uncond, bias), {0: LayerWeight(weight, negative)}, **rest), cond, uncond


def qkv(rows, seq=24):
    return torch.randn(rows, seq, C), torch.randn(rows, 7, C), torch.randn(rows, 7, C)


def options(chunks, images, size=(6, 4), **rest):
    return {"n_heads": HEADS, "cond_or_uncond": list(chunks), "sigmas": torch.ones(images),
            "original_shape": [images * len(chunks), 4, *size], **rest}


def image_attention(q, tokens):
    """softmax(q Kᵀ/√d) V for one row's tokens [S, D], written out head by head."""
    k, v = tokens @ LAYER[0][0].T, tokens @ LAYER[0][1].T
    width, parts = C // HEADS, []
    for h in range(HEADS):
        part = slice(h * width, (h + 1) * width)
        parts.append(torch.softmax(q[:, part] @ k[:, part].T / width**0.5, -1) @ v[:, part])
    return torch.cat(parts, -1)


def expected(q, k, v, flags, cond, uncond, weight=1.0):
    text = host_attention(q, k, v, HEADS)
    rows = [image_attention(q[r], (uncond if flag else cond)[0]) for r, flag in enumerate(flags)]
    return text + weight * torch.stack(rows)


def patch_of(unit, **rest):
    return build_patches([unit], "sd15", **rest)[SLOT]


CASES = {
    "uncond first": ([1, 0], 1, [1, 0]),
    "cond alone": ([0], 1, [0]),
    "uncond alone": ([1], 1, [1]),
    "two prompts": ([0, 0, 1], 1, [0, 0, 1]),
    "batch of three": ([1, 0], 3, [1, 1, 1, 0, 0, 0]),
    "two prompts, batch of two": ([0, 0, 1], 2, [0, 0, 0, 0, 1, 1]),
    "positions above one are conditional": ([0, 1, 2], 1, [0, 1, 0]),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_follow_cond_or_uncond(case):
    chunks, images, flags = CASES[case]
    unit, cond, uncond = make_unit(0.7)
    q, k, v = qkv(len(flags))
    got = patch_of(unit)(q, k, v, options(chunks, images))
    torch.testing.assert_close(got, expected(q, k, v, flags, cond, uncond, 0.7), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("chunks", "images", "rows", "flags"), [
    ([1, 0], 1, 4, [1, 0, 0, 0]),            # Couple, base and two regions
    ([1, 0], 1, 4, [1, 0, 0, None]),         # Couple, base and one region: the last row is padding
    ([1, 0], 2, 8, [1, 1, 0, 0, 0, 0, 0, 0]),
    ([1, 0], 3, 10, [1, 1, 1, 0, 0, 0, 0, 0, 0, None]),
    ([0], 1, 4, [0, 0, 0, None]),
    ([0, 1], 2, 6, [0, 0, 0, 0, 1, 1]),
])
def test_expanded_batches(chunks, images, rows, flags):
    """Extensions that repeat conditional chunks for regions, and pad an odd total with a row that they drop."""
    unit, cond, uncond = make_unit()
    q, k, v = qkv(rows)
    got = patch_of(unit)(q, k, v, options(chunks, images))
    want = expected(q, k, v, [flag or 0 for flag in flags], cond, uncond)
    kept = [row for row, flag in enumerate(flags) if flag is not None]
    torch.testing.assert_close(got[kept], want[kept], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("chunks", "images", "tiles"), [([1, 0], 1, 2), ([1, 0], 2, 3), ([0], 2, 2), ([1], 1, 4), ([0, 0, 1], 1, 2)])
def test_tiled_sampling_repeats_all_chunks_for_each_tile(chunks, images, tiles):
    unit, cond, uncond = make_unit()
    flags = [chunk for chunk in chunks for _ in range(images)] * tiles
    q, k, v = qkv(len(flags))
    got = patch_of(unit)(q, k, v, {**options(chunks, images), "original_shape": [len(flags), 4, 6, 4]})
    torch.testing.assert_close(got, expected(q, k, v, flags, cond, uncond), atol=1e-5, rtol=0)


def test_row_flags_for_hosts_without_chunks():
    unit, cond, uncond = make_unit()
    q, k, v = qkv(4)
    flags = (0, 0, 1, 0)
    got = patch_of(unit)(q, k, v, {"n_heads": HEADS, "row_flags": flags, "original_shape": [4, 4, 6, 4]})
    torch.testing.assert_close(got, expected(q, k, v, flags, cond, uncond), atol=1e-5, rtol=0)


def test_layout_segments():
    assert row_layout(6, {"cond_or_uncond": [0, 0, 1], "sigmas": torch.ones(2)}) == (Segment(0, 4, False, 2), Segment(4, 6, True, 2))
    assert row_layout(3, {"cond_or_uncond": [1, 0]}) == (Segment(0, 1, True, 1), Segment(1, 3, False, 1))


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


class ForgeAdapter:
    """Arguments that the hosts' built-in adapter passes to set_new_condition."""

    def __init__(self):
        to_k, to_v = (torch.nn.Linear(D, C, bias=False) for _ in range(2))
        to_k.weight.data, to_v.weight.data = LAYER[0]
        self.ip_layers = types.SimpleNamespace(to_kvs={"1_to_k_ip": to_k, "1_to_v_ip": to_v})


def forge_options(weight=1.0, **rest):
    cond, uncond = torch.randn(1, 4, D), torch.randn(1, 4, D)
    return {"weight": weight, "ipadapter": ForgeAdapter(), "number": 0, "cond": cond, "uncond": uncond,
            "weight_type": "original", "mask": None, "sigma_start": 999999999.9, "sigma_end": 0.0, "unfold_batch": False,
            **rest}


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


def test_unconditional_tokens_of_another_length():
    unit, cond, uncond = make_unit(0.9, uncond=torch.randn(1, 16, D))
    q, k, v = qkv(2)
    got = patch_of(unit)(q, k, v, options([1, 0], 1))
    torch.testing.assert_close(got, expected(q, k, v, [1, 0], cond, uncond, 0.9), atol=1e-5, rtol=0)


def test_one_input_image_for_each_image_of_the_batch():
    cond = torch.randn(2, 4, D)
    unit, _, uncond = make_unit(cond=cond)
    q, k, v = qkv(6)
    got = patch_of(unit)(q, k, v, options([1, 0], 3))
    text = host_attention(q, k, v, HEADS)
    for row, index in ((3, 0), (4, 1), (5, 1)):
        torch.testing.assert_close(got[row], text[row] + image_attention(q[row], cond[index]), atol=1e-5, rtol=0)
    torch.testing.assert_close(got[0], text[0] + image_attention(q[0], uncond[0]), atol=1e-5, rtol=0)


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


def test_masks_for_single_images_of_the_batch():
    masks = torch.stack([torch.zeros(6, 4), torch.ones(6, 4)])
    unit, cond, uncond = make_unit(mask=MaskGrid(masks))
    q, k, v = qkv(4)
    got = patch_of(unit)(q, k, v, options([1, 0], 2))
    text, full = host_attention(q, k, v, HEADS), expected(q, k, v, [1, 1, 0, 0], cond, uncond)
    torch.testing.assert_close(got[[0, 2]], text[[0, 2]], atol=0, rtol=0)
    torch.testing.assert_close(got[[1, 3]], full[[1, 3]], atol=1e-5, rtol=0)


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


def test_few_layouts_are_cached():
    unit, *_ = make_unit()
    patch, keys = patch_of(unit), unit.keys[0]
    for images in (1, 1, 2, 3, 4, 5, 6):
        patch(*qkv(2 * images), options([1, 0], images))
    assert len(keys._laid_out) == 4


def test_works_in_half_precision_and_without_gradients():
    unit, *_ = make_unit()
    q, k, v = (t.to(torch.bfloat16) for t in qkv(2))
    out = patch_of(unit)(q, k, v, options([1, 0], 1))
    assert out.dtype is torch.bfloat16
    assert not unit.keys[0].cond[0].requires_grad


def test_key_values_report_their_channels():
    assert KeyValues((torch.ones(1, 4, 40),) * 2, (torch.ones(1, 4, 40),) * 2).channels == 40
