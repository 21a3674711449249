"""Tests that masks fit every attention size, keep their mean, and stay between 0 and 1."""

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.lib_ipadapter.attend import masks
from sd_relight.lib_ipadapter.attend.batch_rows import row_layout
from sd_relight.lib_ipadapter.attend.maskgrid import TILES, LatentTile, MaskGrid
from sd_relight.lib_ipadapter.errors import IpAdapterError


def conv_size(size):
    """What a 3 × 3 convolution of stride 2 and padding 1 makes of a side."""
    return (size + 2 - 3) // 2 + 1


def test_conv_size_is_torchs():
    conv = torch.nn.Conv2d(1, 1, 3, stride=2, padding=1)
    for size in (1, 2, 8, 9, 33, 255, 256):
        assert conv(torch.zeros(1, 1, size, 1)).shape[2] == conv_size(size)


@pytest.mark.parametrize("level", range(4))
def test_every_latent_from_8_to_256_at_every_level(level):
    """All 62,001 sizes: the grid is the one that the UNet's convolutions leave, never one of equal area but other shape."""
    true = list(range(257))
    for _ in range(level):
        true = [conv_size(size) for size in true]
    wrong = []
    for height in range(8, 257):
        for width in range(8, 257):
            want = (true[height], true[width])
            if masks.level_sizes(height, width)[level] != want:
                wrong.append((height, width))
            if masks.attention_grid(height, width, want[0] * want[1]) != want:
                wrong.append((height, width))
    assert wrong == []


@pytest.mark.parametrize(("latent", "tokens", "grid"), [
    ((64, 64), 1024, (32, 32)), ((96, 64), 40 * 28, (40, 28)), ((64, 64), 7, (1, 7)), ((128, 64), 32 * 16 * 4, (64, 32)),
    ((64, 96), 20 * 30, (20, 30))])
def test_sizes_that_something_else_made(latent, tokens, grid):
    """Kohya's hires fix and the like: the factor pair of the latent's aspect."""
    rows, columns = masks.attention_grid(*latent, tokens)
    assert (rows, columns) in (grid, grid[::-1]) and rows * columns == tokens


@pytest.mark.parametrize(("size", "grid"), [((64, 64), (32, 32)), ((48, 80), (6, 10)), ((8, 8), (32, 32)), ((8, 64), (32, 16)),
                                            ((513, 383), (9, 6))])
def test_resize_keeps_range_and_mean(size, grid):
    mask = (torch.rand(1, *size) > 0.5).float()
    small = masks.resize_mask(mask, *grid)
    assert small.shape == (1, *grid)
    assert 0 <= float(small.min()) and float(small.max()) <= 1
    assert abs(float(small.mean() - mask.mean())) < 0.06


def test_halving_is_the_mean_of_four():
    mask = torch.rand(1, 8, 12)
    want = mask.reshape(1, 4, 2, 6, 2).mean((2, 4))
    torch.testing.assert_close(masks.resize_mask(mask, 4, 6), want)


def test_full_and_empty_masks_stay_so():
    for value in (0.0, 1.0):
        for grid in ((5, 7), (64, 64), (200, 3)):
            assert torch.equal(masks.resize_mask(torch.full((1, 64, 64), value), *grid), torch.full((1, *grid), value))


def test_images_become_masks():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    torch.testing.assert_close(masks.to_mask(Image.fromarray(grey)), torch.from_numpy(grey)[None] / 255)
    torch.testing.assert_close(masks.to_mask(grey), torch.from_numpy(grey)[None] / 255)
    rgba = Image.merge("RGBA", [Image.new("L", (16, 16), 255)] * 3 + [Image.fromarray(grey)])
    torch.testing.assert_close(masks.to_mask(rgba), torch.from_numpy(grey)[None] / 255)
    opaque = Image.merge("RGBA", [Image.fromarray(grey)] * 3 + [Image.new("L", (16, 16), 255)])
    torch.testing.assert_close(masks.to_mask(opaque), torch.from_numpy(grey)[None] / 255)
    assert masks.to_mask(np.ones((4, 5, 3), np.float32)).shape == (1, 4, 5)
    assert torch.equal(masks.to_mask(torch.ones(4, 5)), torch.ones(1, 4, 5))


def test_a_mask_of_no_shape():
    with pytest.raises(IpAdapterError) as caught:
        masks.to_mask(torch.ones(2, 3, 4, 5))
    assert str(caught.value) == "`mask` has the shape (2, 3, 4, 5); give one image in grey, white where the adapter should work."


def test_grid_rows_and_memory():
    grid = MaskGrid(torch.stack([torch.zeros(16, 8), torch.ones(16, 8)]))
    q = torch.zeros(4, 32, 6)
    rows = grid.rows(q, row_layout(4, {"cond_or_uncond": [1, 0], "sigmas": torch.ones(2)}), {"original_shape": (4, 4, 16, 8)})
    assert rows.shape == (4, 32, 1)
    assert rows[:, 0, 0].tolist() == [0, 1, 0, 1]
    first = grid.level(32, (16, 8), q)
    assert grid.level(32, (16, 8), q) is first


def test_each_tile_has_its_own_part_of_the_mask():
    """Two tiles of 16 x 8 of a latent of 16 x 16, with cond and uncond each, at the level of 8 x 4."""
    mask = torch.rand(1, 128, 128)
    tiles = [LatentTile(0, 0, (16, 16)), LatentTile(8, 0, (16, 16))]
    given = {"cond_or_uncond": [1, 0], "sigmas": torch.ones(1), "original_shape": (4, 4, 16, 8), TILES: tiles}
    rows = MaskGrid(mask).rows(torch.zeros(4, 32, 6), row_layout(4, given), given)
    by_hand = mask[0].reshape(8, 16, 8, 16).mean((1, 3))
    for row, columns in enumerate([slice(0, 4)] * 2 + [slice(4, 8)] * 2):
        torch.testing.assert_close(rows[row, :, 0].view(8, 4), by_hand[:, columns])


def test_hosts_that_do_not_report_the_latent_size():
    grid = MaskGrid(torch.rand(1, 64, 32))
    plan = row_layout(1, {"cond_or_uncond": [0]})
    assert torch.equal(grid.rows(torch.zeros(1, 128, 4), plan, {}), grid.level(128, (16, 8), torch.zeros(1)))
