"""Pictures from clients and panels: every form that is taken, every sentence for one that is not."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.request.images import decode_image, open_file


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (24, 40, 4), np.uint8), "RGBA")


@pytest.mark.parametrize("wrap", [
    lambda image: image,
    np.asarray,
    encoded,
    lambda image: "data:image/png;base64," + encoded(image),
    lambda image: base64.b64decode(encoded(image)),
    lambda image: "\n".join(encoded(image)[i:i + 76] for i in range(0, len(encoded(image)), 76)),
    lambda image: {"image": image, "mask": None},
    lambda image: {"background": image, "layers": []},
], ids=["pil", "array", "base64", "data-uri", "bytes", "base64-lines", "sketch", "editor"])
def test_every_form_gives_the_same_pixels(picture, wrap):
    np.testing.assert_array_equal(np.asarray(decode_image(wrap(picture), "foreground")), np.asarray(picture))


def test_orientation_of_a_phone_is_applied(rng):
    image = Image.fromarray(rng.integers(0, 256, (20, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_image(encoded(image, exif=exif), "foreground")
    np.testing.assert_array_equal(np.asarray(decoded), np.rot90(np.asarray(image), -1))


@pytest.mark.parametrize("value, sentence", [
    ("https://example.com/a.png", "`foreground` is an address; Relight loads no addresses, send the picture itself as base64."),
    ("not base64!", "`foreground` is not valid base64"),
    (base64.b64encode(b"<html>gone</html>").decode(), r"`foreground` is no picture that can be read \(17 bytes\); send a PNG"),
    (42, "`foreground` is int; send one picture as base64-encoded PNG, JPEG or WebP."),
    ([1], "`foreground` is list; send one picture"),
], ids=["address", "base64", "html", "number", "list"])
def test_what_is_no_picture(value, sentence):
    with pytest.raises(RelightError, match=sentence):
        decode_image(value, "foreground")


def test_a_cut_file(picture):
    data = base64.b64decode(encoded(picture))
    with pytest.raises(RelightError, match="`mask` could not be decoded .*send an undamaged PNG, JPEG or WebP"):
        decode_image(data[:len(data) * 2 // 3], "mask")


@pytest.mark.parametrize("size, sentence", [
    ((1, 1), "`foreground` is 1x1 pixels; it must have at least 16 pixels a side."),
    ((20000, 20), "`foreground` is 20000x20 pixels; scale it to at most 16384 pixels a side."),
    ((20000, 20000), "`foreground` has too many pixels .*; scale it to at most 16384 pixels a side."),
])
def test_sizes_that_cannot_work(size, sentence):
    with pytest.raises(RelightError, match=sentence):
        decode_image(encoded(Image.new("1", size)), "foreground")


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(RelightError, match="`foreground`: there is no file .*photo.png; check the path."):
        open_file(tmp_path / "photo.png", "foreground")
