"""Tests which rows of a host's batch the attention patch prompts, and with which image."""

import pytest
import torch
from ipadapter.mini_host import host_attention
from ipadapter.one_layer import HEADS, D, expected, image_attention, make_unit, options, patch_of, qkv
from sd_relight.lib_ipadapter.attend.batch_rows import Segment, row_layout
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid

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


def test_masks_for_single_images_of_the_batch():
    masks = torch.stack([torch.zeros(6, 4), torch.ones(6, 4)])
    unit, cond, uncond = make_unit(mask=MaskGrid(masks))
    q, k, v = qkv(4)
    got = patch_of(unit)(q, k, v, options([1, 0], 2))
    text, full = host_attention(q, k, v, HEADS), expected(q, k, v, [1, 1, 0, 0], cond, uncond)
    torch.testing.assert_close(got[[0, 2]], text[[0, 2]], atol=0, rtol=0)
    torch.testing.assert_close(got[[1, 3]], full[[1, 3]], atol=1e-5, rtol=0)


def test_few_layouts_are_cached():
    unit, *_ = make_unit()
    patch, keys = patch_of(unit), unit.keys[0]
    for images in (1, 1, 2, 3, 4, 5, 6):
        patch(*qkv(2 * images), options([1, 0], images))
    assert len(keys._laid_out) == 4
