"""Frames: images and mattes are cropped and resized as the host does with the init image."""

from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.lib_iclight import foreground
from sd_relight.lib_relight.hosts.tiles import Tile, tile_of
from sd_relight.lib_relight.job.frame import CONTAIN, COVER, LATENT, STRETCH, Frame, frames_of, part_of
from sd_relight.lib_relight.job.region_masks import place_mask


@pytest.fixture
def photo(rng):
    """uint8 [60, 90, 3]: no two crops of it are alike."""
    return rng.integers(0, 256, (60, 90, 3), np.uint8)


def fitted(array, *size):
    return np.asarray(Image.fromarray(array).resize(size, Image.LANCZOS))


def test_without_an_init_image_every_image_covers_the_output(photo):
    np.testing.assert_array_equal(Frame().place(photo, 64, 96), foreground.fit(photo, 64, 96, "cover"))


@pytest.mark.parametrize("mode", [STRETCH, LATENT])
def test_just_resize_stretches(photo, mode):
    np.testing.assert_array_equal(Frame((90, 60), mode).place(photo, 64, 96), fitted(photo, 64, 96))


def test_crop_and_resize_crops_the_middle(photo):
    """90 x 60 to 64 x 96: 144 x 96, of which columns 40 to 103 are seen."""
    np.testing.assert_array_equal(Frame((90, 60), COVER).place(photo, 64, 96), fitted(photo, 144, 96)[:, 40:104])


def test_resize_and_fill_repeats_the_edge_or_leaves_a_level(photo):
    """90 x 60 to 64 x 96: 64 x 42 from row 27 on, as the host rounds it."""
    placed = Frame((90, 60), CONTAIN).place(photo, 64, 96)
    inner = fitted(photo, 64, 42)
    np.testing.assert_array_equal(placed[27:69], inner)
    assert (placed[:27] == inner[0]).all() and (placed[69:] == inner[-1]).all()
    grey = Frame((90, 60), CONTAIN).place(photo, 64, 96, fill=127)
    np.testing.assert_array_equal(grey[27:69], inner)
    assert (grey[:27] == 127).all() and (grey[69:] == 127).all()


def test_only_masked_samples_the_crop_box(photo):
    placed = Frame((90, 60), COVER, (30, 10, 60, 40)).place(photo, 64, 64)
    np.testing.assert_array_equal(placed, fitted(photo[10:40, 30:60], 64, 64))


def test_an_image_of_another_size_is_cropped_at_the_same_place():
    """A white square of the photograph stays on its place in an image of twice the size."""
    large = np.zeros((120, 180, 3), np.uint8)
    large[40:80, 80:120] = 255
    small = np.zeros((60, 90, 3), np.uint8)
    small[20:40, 40:60] = 255
    frame = Frame((90, 60), STRETCH, (30, 10, 70, 50))
    difference = np.abs(frame.place(large, 64, 64).astype(int) - frame.place(small, 64, 64))
    assert difference.mean() < 4 and frame.place(large, 64, 64)[32, 32].min() == 255


def test_a_tile_sees_its_own_part(photo):
    frame = Frame((40, 30), STRETCH, tile=Tile((90, 60), 50, 30))
    np.testing.assert_array_equal(frame.place(photo, 80, 60), fitted(foreground.fit(photo, 90, 60)[30:60, 50:90], 80, 60))
    tile = photo[30:60, 50:90]
    np.testing.assert_array_equal(frame.place(tile, 80, 60), fitted(tile, 80, 60))


def test_the_light_lies_over_the_sampled_box_or_over_all_tiles():
    """A face that is inpainted alone has the whole gradient; a tile has that of its place in the large image."""
    def render(width, height):
        return np.repeat(np.linspace(255, 0, width)[None, :, None], 3, axis=2).repeat(height, axis=0).astype(np.uint8)

    np.testing.assert_array_equal(Frame((96, 64), COVER).place_light(render, 64, 64), render(64, 64))
    np.testing.assert_array_equal(Frame((96, 64), STRETCH, (48, 16, 80, 48)).place_light(render, 64, 64), render(64, 64))
    tile = Frame((32, 32), STRETCH, tile=Tile((96, 64), 48, 16)).place_light(render, 64, 64)
    assert 125 <= tile[32, 0, 0] <= 129 and 39 <= tile[32, -1, 0] <= 46


def test_mattes_keep_their_range():
    matte = np.zeros((60, 90), np.float32)
    matte[:, 45:] = 1
    placed = Frame((90, 60), CONTAIN).place(matte, 64, 96, fill=0)
    assert placed.dtype == np.float32 and placed.min() == 0 and placed.max() == 1 and not placed[:27].any()


Grid = namedtuple("Grid", "tiles tile_w tile_h image_w image_h overlap")


def test_the_tiles_of_the_hosts_script_are_found():
    tiles = [Image.new("RGB", (64, 64)) for _ in range(4)]
    assert tile_of(tiles[3]) is None

    def script():
        grid = Grid([[0, 64, [[0, 64, None], [32, 64, None]]], [40, 64, [[0, 64, None], [32, 64, None]]]], 64, 64, 96, 104, 32)  # noqa: F841
        work = list(tiles)
        return [tile_of(image) for image in work]

    assert script() == [Tile((96, 104), left, top) for top in (0, 40) for left in (0, 32)]


def test_each_init_image_of_a_batch_has_a_frame_of_its_own():
    p = SimpleNamespace(init_images=[Image.new("RGB", (90, 60)), Image.new("RGB", (64, 64))], resize_mode=COVER,
                        inpaint_full_res=True, paste_to=(8, 4, 32, 24), image_mask=Image.new("L", (90, 60)))
    frames = frames_of(SimpleNamespace(is_img2img=lambda p: True), p)
    assert [frames[index] for index in range(3)] == [
        Frame(size, COVER, (8, 4, 40, 28)) for size in ((90, 60), (64, 64), (90, 60))]
    assert frames_of(SimpleNamespace(is_img2img=lambda p: False), p)[0] == Frame()


def test_a_unit_s_mask_goes_with_the_init_image():
    """White right half over the whole photograph; the crop box lies to the right of its middle."""
    mask = torch.zeros(1, 60, 90)
    mask[..., 45:] = 1
    assert place_mask(mask, Frame((90, 60), STRETCH), 64, 64) is mask, "the attention stretches it itself"
    part = place_mask(mask, Frame((90, 60), STRETCH, (40, 10, 50, 20)), 64, 64)
    assert part.shape == (1, 64, 64) and part[0, 32, 8] == 0 and part[0, 32, 56] == 1
    covered = place_mask(mask, Frame((90, 60), COVER), 64, 96)
    assert covered[0, 48, 31] < 0.5 < covered[0, 48, 33]
    square = torch.zeros(1, 64, 64)
    square[..., 32:] = 1
    stretched = place_mask(square, Frame((90, 60), COVER, (40, 10, 50, 20)), 64, 64)
    assert stretched[0, 32, 8] < 0.1 and stretched[0, 32, 56] > 0.9, "a mask of another shape is stretched over the photograph"
    assert place_mask(square, Frame((90, 60), COVER), 64, 96) is square, "that of the output is left as it is"


def test_the_image_that_a_job_will_see_a_part_of():
    init = Image.new("RGB", (90, 60))
    job = SimpleNamespace(init_images=[init], inpaint_full_res=True, image_mask=Image.new("L", (90, 60)))
    assert part_of(job) == (90, 60)
    assert part_of(SimpleNamespace(**{**vars(job), "image_mask": None})) is None
    assert part_of(SimpleNamespace(**{**vars(job), "inpaint_full_res": False})) is None
