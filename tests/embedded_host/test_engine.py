"""The engine's arithmetic alone, without a host: prompts' emphasis, masks and crop regions, sizes of the hires pass."""

import numpy as np
import pytest
from PIL import Image
from sd_relight.embedded_host.engine import hires, masks
from sd_relight.embedded_host.engine.prompt_weights import parse_prompt_attention


@pytest.mark.parametrize(("text", "expected"), [
    ("plain", [["plain", 1.0]]),
    ("a (b) c", [["a ", 1.0], ["b", 1.1], [" c", 1.0]]),
    ("(unclosed", [["unclosed", 1.1]]),
    (r"\(bracket\]", [["(bracket]", 1.0]]),
    ("(a)(b)", [["ab", 1.1]]),
    ("[less] ((more:1.5))", [["less", 1 / 1.1], [" ", 1.0], ["more", 1.5 * 1.1]]),
    ("(x: 0.5) y:z", [["x", 0.5], [" y:z", 1.0]]),
    ("a BREAK b", [["a", 1.0], ["BREAK", -1], ["b", 1.0]]),
    ("", [["", 1.0]]),
])
def test_emphasis(text, expected):
    assert [[piece, pytest.approx(weight)] for piece, weight in expected] == parse_prompt_attention(text)


def square_mask(width, height, box):
    mask = Image.new("L", (width, height))
    mask.paste(255, box)
    return mask


def test_crop_regions():
    assert masks.covered_region(square_mask(96, 64, (40, 20, 56, 36)), 30) == (10, 0, 86, 64)
    assert masks.covered_region(Image.new("L", (8, 8)), 4) is None
    assert masks.grow_to_ratio(masks.Region(*(0, 0, 32, 16)), (64, 64), (96, 64)) == (0, 0, 32, 32)
    assert masks.grow_to_ratio(masks.Region(*(80, 40, 96, 64)), (64, 64), (96, 64)) == (72, 40, 96, 64)
    assert masks.grow_to_ratio(masks.Region(*(0, 0, 90, 10)), (64, 64), (96, 64)) == (0, 0, 90, 64)


def test_blurred_mask_is_a_gaussian():
    step = np.zeros((9, 41), np.uint8)
    step[:, 20:] = 255
    blurred = np.asarray(masks.blur(Image.fromarray(step), 2, 0)).astype(float)
    offsets = np.arange(-5, 6)
    kernel = np.exp(-offsets ** 2 / 8) / np.exp(-offsets ** 2 / 8).sum()
    assert (blurred == np.rint(np.convolve(np.pad(step[0].astype(float), 5, mode="reflect"), kernel, "valid"))).all()


def test_mask_from_alpha():
    image = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    image.putpixel((1, 0), (0, 0, 0, 200))
    assert list(masks.mask_from_image(image).getdata()) == [0, 255]
    assert list(masks.mask_from_image(image, rounded=False).getdata()) == [0, 200]


@pytest.mark.parametrize(("width", "x", "y", "size"), [
    (96, 144, 0, (144, 96, 0, 0)), (96, 0, 96, (144, 96, 0, 0)), (64, 128, 96, (128, 128, 0, 4)),
    (96, 96, 96, (144, 96, 6, 0)), (96, 104, 96, (144, 96, 5, 0)),
])
def test_hires_sizes(width, x, y, size):
    """Forge's integer arithmetic, for an image `width` x 64."""
    assert hires.fitted_size(width, 64, x, y) == size


def test_hires_factor_is_rounded_down():
    assert hires.scaled_size(64, 64, 1.2) == (76, 76, 0, 0)
