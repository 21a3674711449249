"""Tests the encoder's input: equal to transformers' processor, every crop, and the exact preview."""

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.lib_ipadapter.encode import preprocess
from sd_relight.lib_ipadapter.errors import IpAdapterError
from transformers import CLIPImageProcessor


def noise_image(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(224, 224), (640, 480), (333, 777), (101, 99), (1000, 225)])
def test_centre_crop_equals_transformers(size):
    image = noise_image(*size)
    want = CLIPImageProcessor()(images=image, return_tensors="pt").pixel_values
    torch.testing.assert_close(preprocess.encoder_input(image), want.float(), atol=1e-5, rtol=0)


def coordinates(width, height):
    """An image whose red is x and whose green is y, as shares of 255."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 128)], -1).round().astype(np.uint8))


def corners(image):
    pixels = np.asarray(image).astype(int)
    return pixels[0, 0, :2].tolist(), pixels[-1, -1, :2].tolist()


def test_stretch_shows_everything():
    first, last = corners(preprocess.square(coordinates(400, 200), "stretch"))
    assert max(first) <= 2 and min(last) >= 253


def test_centre_cuts_the_long_side():
    first, last = corners(preprocess.square(coordinates(400, 200), "center"))
    assert first == pytest.approx([64, 0], abs=2) and last == pytest.approx([191, 255], abs=2)


def test_pad_shows_everything_on_the_mean_colour():
    padded = preprocess.square(coordinates(400, 200), "pad")
    pixels = np.asarray(padded)
    assert padded.size == (224, 224)
    assert (pixels[:56] == preprocess.PAD_COLOR).all() and (pixels[168:] == preprocess.PAD_COLOR).all()
    first, last = corners(Image.fromarray(pixels[56:168]))
    assert max(first) <= 2 and min(last) >= 253
    assert float(preprocess.normalise(padded)[..., :50, :].abs().max()) < 0.01


def test_box():
    first, last = corners(preprocess.square(coordinates(400, 200), "box", box=(0.5, 0, 1, 1)))
    assert first == pytest.approx([127, 0], abs=2) and last == pytest.approx([255, 255], abs=2)


def test_face_square_has_room_and_stays_inside():
    image = coordinates(400, 200)
    assert preprocess.face_square(image, (100, 50, 140, 110)) == (75, 35, 165, 125)
    left, top, right, bottom = preprocess.face_square(image, (0, 0, 100, 150))
    assert (left, top, right, bottom) == (0, 0, 200, 200)
    assert preprocess.square(image, "face", face=(100, 50, 140, 110)).size == (224, 224)
    assert preprocess.square(image, "face") == preprocess.square(image, "center")


@pytest.mark.parametrize(("crop", "sentence"), [
    ("left", "`crop` is 'left'; choose one of center, pad, stretch, face, box."),
    ("box", "`crop` is 'box' but `crop_box` is empty; give left, top, right, bottom as shares 0..1.")])
def test_validation_errors(crop, sentence):
    with pytest.raises(IpAdapterError) as caught:
        preprocess.square(coordinates(40, 20), crop)
    assert str(caught.value) == sentence


def test_preview_is_the_tensor():
    image = noise_image(300, 200)
    pixels = preprocess.encoder_input(image, "pad")
    shown = preprocess.preview(pixels)
    assert np.array_equal(np.asarray(shown), np.asarray(preprocess.square(image, "pad")))


def test_a_masked_area_is_the_mean_colour():
    image = noise_image(224, 224)
    mask = Image.new("L", (224, 224), 255)
    mask.paste(0, (0, 0, 112, 224))
    pixels = preprocess.encoder_input(image, mask=mask)
    assert float(pixels[..., :100].abs().max()) == 0
    assert torch.equal(pixels[..., 120:], preprocess.encoder_input(image)[..., 120:])


def test_alpha_is_a_mask_not_a_background():
    image = noise_image(224, 224)
    cut = image.copy()
    cut.putalpha(Image.fromarray(np.repeat([[0], [255]], 112, 0).repeat(224, 1).astype(np.uint8)))
    assert float(preprocess.encoder_input(cut)[:, :, :100].abs().max()) == 0
    assert torch.equal(preprocess.encoder_input(cut)[:, :, 120:], preprocess.encoder_input(image)[:, :, 120:])
    image.putalpha(255)
    assert preprocess.alpha_mask(image) is None


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16", "1"])
def test_any_mode(mode):
    source = noise_image(60, 40)
    image = Image.fromarray(np.full((40, 60), 900, np.uint16)) if mode == "I;16" else source.convert(mode)
    assert preprocess.encoder_input(image).shape == (1, 3, 224, 224)


def test_tiles_of_a_square_image():
    cut = preprocess.tiles(noise_image(600, 600))
    assert [box for _, box in cut] == [(0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1)]
    assert {tile.size for tile, _ in cut} == {(256, 256)}


@pytest.mark.parametrize(("size", "count"), [((1200, 400), 3), ((400, 1000), 3), ((3000, 100), 4), ((500, 340), 2)])
def test_tiles_of_long_images_cover_them(size, count):
    cut = preprocess.tiles(noise_image(*size))
    assert len(cut) == count
    boxes = [box for _, box in cut]
    axis = 0 if size[0] > size[1] else 1
    assert boxes[0][axis] == 0 and boxes[-1][axis + 2] == 1
    assert all(a[axis + 2] >= b[axis] for a, b in zip(boxes, boxes[1:]))


def test_extreme_shapes():
    assert preprocess.square(noise_image(3000, 2), "center").size == (224, 224)
    assert preprocess.square(noise_image(1, 1), "pad").size == (224, 224)
