"""Images that are rejected: no image, damaged, in other formats, too large; the message for each."""

import base64
import struct
import zlib

import numpy as np
import pytest
from decoding import decoded
from encoding import encoded
from PIL import Image
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.request import images
from sd_relight.lib_relight.request.images import ImageDecoder, open_file


def decode(value, name="foreground"):
    return decoded(value, name)


def png_header(width, height):
    """A PNG that has a header and no pixels."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("value, sentence", [
    ("https://example.com/a.png", "`foreground` is a URL; Relight loads no URLs, send the image itself as base64."),
    ("not base64!", "`foreground` is not valid base64"),
    (base64.b64encode(b"<html>gone</html>").decode(),
     r"`foreground` is no image in a supported format \(17 bytes\); send a PNG, JPEG or WebP."),
    (base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n").decode(), "is no image in a supported format"),
    (42, "`foreground` is int; send one image as base64-encoded PNG, JPEG or WebP."),
    ([1], "`foreground` is list; send one image"),
    ({"image": {"image": {}}}, "`foreground` is dict; send one image"),
    (np.zeros((20, 20, 7)), r"`foreground` could not be decoded \(an array of the shape \(20, 20, 7\)"),
    (np.full((20, 20), np.nan), r"`foreground` could not be decoded \(values that are not finite numbers\)"),
    (png_header(20, 20), "`foreground` could not be decoded"),
], ids=["address", "base64", "html", "eps", "number", "list", "nested", "array", "nan", "no pixels"])
def test_values_that_are_no_image(value, sentence):
    with pytest.raises(RelightError, match=sentence):
        decode(value)


def test_drawn_layers_without_their_composite():
    image = encoded(Image.new("RGB", (20, 20)))
    with pytest.raises(RelightError, match="`mask` has drawn layers but no `composite` of them; send one image."):
        decode({"background": image, "layers": [image], "composite": None}, "mask")


def test_cut_file(rng):
    data = base64.b64decode(encoded(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8))))
    with pytest.raises(RelightError, match="`mask` could not be decoded .*send an undamaged PNG, JPEG or WebP"):
        decode(data[:len(data) * 2 // 3], "mask")


@pytest.mark.parametrize("form", ["EPS", "PPM", "ICO", "TGA", "PCX"])
def test_other_formats_are_not_opened(form, rgba):
    with pytest.raises(RelightError, match="is no image in a supported format"):
        decode(encoded(rgba.convert("RGB"), form))


@pytest.mark.parametrize("size, sentence", [
    ((1, 1), "`foreground` is 1x1 pixels; it must have at least 16 pixels a side."),
    ((20000, 20), "`foreground` is 20000x20 pixels; scale it to at most 16384 pixels a side."),
    ((12000, 12000), "`foreground` is 12000x12000 = 144000000 pixels; scale it to at most 134217728 pixels."),
    ((14000, 14000), "`foreground` has too many pixels .*; scale it to at most 134217728 pixels."),
])
def test_sizes_outside_of_the_limits(size, sentence):
    """Judged by the header: none of these files has pixels."""
    with pytest.raises(RelightError, match=sentence):
        decode(png_header(*size))


def test_limits_of_a_whole_request(monkeypatch, grey):
    monkeypatch.setattr(images, "MAX_REQUEST_PIXELS", 2000)
    decoder = ImageDecoder()
    decoder.decode(grey, "background")
    decoder.decode(grey, "mask")
    with pytest.raises(RelightError, match="With `foreground` the request's images have 2400 pixels together; scale them to at "
                                           "most 2000."):
        decoder.decode(grey, "foreground")
    monkeypatch.setattr(images, "MAX_REQUEST_IMAGES", 3)
    with pytest.raises(RelightError, match="The request has more than 3 images; send fewer."):
        decoder.decode(grey, "foreground")


def test_path_that_is_not_there(tmp_path):
    with pytest.raises(RelightError, match="`foreground`: there is no file .*photo.png; check the path."):
        open_file(tmp_path / "photo.png", "foreground")
