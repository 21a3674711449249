"""`place`: the subject and all that belongs to it lie where it says, in the condition, the start, the finish and the result."""

import itertools

import numpy as np
import pytest
import torch
from decoding import decoded
from job.sampler_inputs import light, mode_latent
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_iclight.placing import Place
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.tiles import Tile
from sd_relight.lib_relight.job.frame import CONTAIN, COVER, STRETCH, Frame, Placement
from sd_relight.lib_relight.job.subject import cut_out, light_map
from sd_relight.lib_relight.request.request import IcLightImages

SIDE, CELL = 128, 8
SIZE = {"width": SIDE, "height": SIDE, "steps": 1}
PLACES = list(itertools.product([(0.5, 0.5), (0.3, 0.35), (0.7, 0.35), (0.3, 0.65), (0.7, 0.65)], [0.25, 0.5, 0.8]))


@pytest.fixture(scope="module")
def product():
    """A bright box, 40 x 60 of 160 x 80 pixels, away from the middle."""
    alpha = np.zeros((80, 160), np.uint8)
    alpha[10:70, 90:130] = 255
    return Image.fromarray(np.dstack([np.full((80, 160, 3), (250, 220, 40), np.uint8), alpha]), "RGBA")


def expected_box(place, scale):
    """left, top, right, bottom of the product in the output: it covers 128 x 128 at 1.6 times its size."""
    half = 20 * 1.6 * scale, 30 * 1.6 * scale
    return [*(SIDE * at - part for at, part in zip(place, half)), *(SIDE * at + part for at, part in zip(place, half))]


def box_of(mask):
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_five_places_and_three_scales(host, applied, product):
    """In the fbc condition of txt2img and in the composite of the result, within one cell of the latent."""
    backdrop = Image.new("RGB", (60, 60), (20, 40, 200))
    empty = mode_latent(host, np.full((SIDE, SIDE, 3), 127, np.uint8))
    for at, scale in PLACES:
        place = dict(zip(("x", "y", "scale"), (*at, scale)))
        seen, result = applied(iclight={"foreground": product, "background": backdrop, "place": place, "keep_background": True}, **SIZE)
        changed = (seen[0]["unet"].extra_concat_condition[0, :4] - empty[0]).abs().amax(0)
        cells = np.array(box_of((changed > changed.max() / 2).numpy())) * CELL
        composite = (np.asarray(result.images[0]).astype(int) != (20, 40, 200)).any(-1)
        for found in (cells, box_of(composite)):
            assert np.abs(np.subtract(found, expected_box(at, scale))).max() <= CELL, (place, found)


def test_the_condition_is_the_latent_of_the_moved_subject(host, applied, product):
    seen, _ = applied(iclight={"foreground": product, "light": "left", "reinforce": 1, "place": {"x": 0.25, "y": 0.75, "scale": 0.5}}, **SIZE)
    left, top, right, bottom = map(round, expected_box((0.25, 0.75), 0.5))
    image = np.full((SIDE, SIDE, 3), 127, np.uint8)
    image[top:bottom, left:right] = 250, 220, 40
    assert (seen[0]["unet"].extra_concat_condition - mode_latent(host, image)).abs().mean() < 0.05
    plain, _ = applied(**SIZE)
    start = light(light="left", width=SIDE, height=SIDE)
    start[top:bottom, left:right] = 250, 220, 40
    moved = (seen[0]["x"] - plain[0]["x"]) * 14.6146
    assert (moved - mode_latent(host, start)).abs().mean() < 0.05


def test_the_hires_pass_has_the_subject_at_the_same_place(host, applied, product):
    seen, _ = applied(iclight={"foreground": product, "place": {"x": 0.25, "y": 0.75, "scale": 0.5}}, enable_hr=True, hr_scale=1.5,
                      hr_upscaler="Latent", denoising_strength=0.6, hr_second_pass_steps=2, **SIZE)
    left, top, right, bottom = (round(1.5 * edge) for edge in expected_box((0.25, 0.75), 0.5))
    image = np.full((192, 192, 3), 127, np.uint8)
    image[top:bottom, left:right] = 250, 220, 40
    assert (seen[1]["unet"].extra_concat_condition - mode_latent(host, image)).abs().mean() < 0.05


def test_img2img_starts_from_the_moved_subject_on_its_background(host, applied, product, rng):
    background = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    asked = {"background": background, "matting": "alpha", "place": {"x": 0.25, "y": 0.75, "scale": 0.5}}
    seen, _ = applied("img2img", asked, init_images=[product], resize_mode=1, denoising_strength=0.9, **SIZE)
    left, top, right, bottom = map(round, expected_box((0.25, 0.75), 0.5))
    start = np.array(background)
    start[top:bottom, left:right] = 250, 220, 40
    assert (seen[0]["x"] - mode_latent(host, start)).abs().mean() < 0.05
    fields = {"init_images": [Image.new("RGB", (SIDE, SIDE), "red")], "denoising_strength": 0.9, **SIZE}
    plain, own = (applied("img2img", iclight, **fields)[0][0]["x"] for iclight in (None, {**asked, "foreground": product}))
    assert torch.equal(own, plain), "with a subject of its own the job starts from the img2img image"


def test_a_part_of_the_subjects_own_image_moves_nothing(applied, photo):
    """A detailer's job works on an image in which the subject has been moved."""
    mask = Image.new("L", photo.size)
    mask.paste(255, (80, 8, 100, 30))
    fields = {"init_images": [photo], "mask": mask, "inpaint_full_res": True, "inpainting_fill": 1, "denoising_strength": 0.9, **SIZE}
    plain, _ = applied("img2img", {"light": "left"}, **fields)
    moved, result = applied("img2img", {"light": "left", "place": {"x": 0.1}}, **fields)
    assert torch.equal(moved[0]["unet"].extra_concat_condition, plain[0]["unet"].extra_concat_condition)
    assert "`place` does not move the img2img image's subject" in result.comments and "Relight place" not in result.infotexts[0]


def test_normals_and_matte_of_a_raised_light_move_with_the_subject(product, rng):
    normals = decoded(Image.fromarray(rng.integers(0, 256, (80, 160, 3), np.uint8)))
    params = IcLightParams(light="left", light_elevation=40, matting="alpha", place={"x": 0.3, "y": 0.65, "scale": 0.5})
    for images in (IcLightImages(), IcLightImages(normal_map=normals)):
        flat, shaded = (light_map(params, images, "fc", Frame(), SIDE, SIDE, subject=subject).astype(int)
                        for subject in (None, cut_out(decoded(product), params, images)))
        found = box_of(np.abs(shaded - flat).max(-1) > 0)
        assert np.abs(np.subtract(found, expected_box((0.3, 0.65), 0.5))).max() < CELL / 2, found


def gradient(width, height):
    """float32 [height, width], 0..1: no two columns or rows are alike."""
    return (np.add.outer(np.arange(height) / height, np.arange(width) / width) / 2).astype(np.float32)


@pytest.mark.parametrize("mode", [STRETCH, COVER, CONTAIN])
def test_scale_1_at_its_own_centre_is_the_fitted_frame(mode):
    array = gradient(90, 60)
    frame, at_rest = Frame((90, 60), mode), Placement(Place(), (0, 0, 1, 1))
    np.testing.assert_allclose(frame.place(array, 64, 96, fill=0, placement=at_rest), frame.place(array, 64, 96, fill=0), atol=0.02)


def test_parts_of_an_image_show_their_part_of_the_moved_subject():
    array, moved = gradient(90, 60), Placement(Place(0.6, 0.4, 0.5), (0.2, 0.1, 0.7, 0.9))
    whole = Frame((90, 60)).place(array, 90, 60, fill=0, placement=moved)
    crop = Frame((90, 60), STRETCH, (30, 10, 70, 50)).place(array, 40, 40, fill=0, placement=moved)
    np.testing.assert_allclose(crop, whole[10:50, 30:70], atol=1e-6)
    tiled = Frame((40, 30), STRETCH, tile=Tile((90, 60), 50, 30))
    np.testing.assert_allclose(tiled.place(array, 40, 30, fill=0, placement=moved), whole[30:60, 50:90], atol=1e-6)
    np.testing.assert_allclose(tiled.on_light(array, 90, 60, fill=0, placement=moved), whole, atol=1e-6)


def test_a_subject_outside_of_the_image_is_an_error():
    outside = Placement(Place(1.9, 0.5, 0.2), (0, 0, 1, 1))
    with pytest.raises(RelightError) as raised:
        Frame().place(gradient(90, 60), 64, 64, fill=0, placement=outside)
    assert str(raised.value) == "`place` 1.9, 0.5, 0.2 puts the subject outside of the image; choose x and y nearer to 0.5."
