"""Decoding of images: accepted forms and modes, levels, transparency, orientation, frames, resizing."""

import base64
import io
from functools import partial

import decoding
import numpy as np
import pytest
from encoding import encoded, opened
from PIL import Image
from sd_relight.lib_iclight import foreground
from sd_relight.lib_relight.request.images import DecodedImage
from sd_relight.lib_relight.request.pixel_formats import for_host

decode = partial(decoding.decoded, name="foreground")


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
def test_every_form_gives_the_same_pixels(rgba, wrap):
    decoded = decode(wrap(rgba))
    np.testing.assert_array_equal(decoded.pixels, np.asarray(rgba))
    assert (decoded.name, decoded.size) == ("foreground", (40, 24))
    np.testing.assert_array_equal(np.asarray(decoded.to_pil()), np.asarray(rgba))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr", "1", "HSV", "RGBX"])
def test_modes_without_alpha(mode, rgba):
    image = rgba.convert("RGB").convert(mode)
    decoded = decode(image)
    assert decoded.alpha is None and decoded.rgb.dtype == np.uint8 and not decoded.rgb.flags.writeable
    np.testing.assert_array_equal(decoded.rgb, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "La", "RGBa"])
def test_grey_and_premultiplied_alpha(mode):
    straight = Image.fromarray(np.dstack([np.full((16, 16, 3), 100, np.uint8), np.full((16, 16), 128, np.uint8)]))
    image = straight.convert("LA").convert("La") if mode == "La" else straight.convert(mode)
    decoded = decode(image)
    np.testing.assert_allclose(decoded.alpha, 128 / 255, atol=1e-6)
    np.testing.assert_allclose(decoded.rgb, 100, atol=1)


def test_palette_with_a_transparent_entry():
    image = Image.fromarray(np.indices((16, 16)).sum(0).astype(np.uint8) % 2, "P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    for value in (encoded(image, transparency=1), encoded(image, "GIF", transparency=1)):
        decoded = decode(value)
        assert decoded.alpha[0, :2].tolist() == [1, 0] and decoded.alpha.dtype == np.float32
        assert decoded.rgb[0, :2].tolist() == [[255, 0, 0], [127, 127, 127]]


def test_transparent_color_of_rgb_and_of_16_bit_grey(grey):
    image = Image.fromarray(np.dstack([grey] * 3))
    image.putpixel((3, 2), (1, 2, 3))
    assert decode(encoded(image, transparency=(1, 2, 3))).alpha[2, 3] == 0
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    deep.info["transparency"] = int(grey[5, 5]) * 257
    np.testing.assert_array_equal(decode(deep).alpha == 0, grey == grey[5, 5])


def test_opaque_alpha_is_none(grey):
    assert decode(Image.fromarray(grey).convert("RGBA")).alpha is None


@pytest.mark.parametrize("deepen", [
    lambda grey: Image.fromarray(grey.astype(np.uint16) * 257),
    lambda grey: encoded(Image.fromarray(grey.astype(np.uint16) * 257)),
    lambda grey: encoded(Image.fromarray(grey.astype(np.uint16) * 257), "TIFF"),
    lambda grey: Image.fromarray(grey.astype(np.int32) * 257),
    lambda grey: Image.fromarray(grey.astype(np.int32)),
    lambda grey: Image.fromarray(grey.astype(np.float32)),
    lambda grey: Image.fromarray(grey.astype(np.float32) / 255),
    lambda grey: encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF"),
    lambda grey: grey,
    lambda grey: grey[..., None],
    lambda grey: grey.astype(np.uint16) * 257,
    lambda grey: grey / 255,
    lambda grey: np.dstack([grey] * 3) / 255,
    lambda grey: np.dstack([grey, np.full_like(grey, 255)]),
], ids=["I;16", "png16", "tiff16", "I 16 bits", "I 8 bits", "F levels", "F shares", "tiff float", "uint8", "uint8 channel",
        "uint16 array", "float array", "float rgb", "grey and alpha"])
def test_deep_and_grey_images_keep_their_levels(deepen, grey):
    decoded = decode(deepen(grey))
    np.testing.assert_array_equal(decoded.rgb, np.dstack([grey] * 3))
    assert decoded.alpha is None


def test_dark_16_bit_png_stays_dark():
    """Its largest value would fit 8 bits."""
    assert decode(encoded(Image.fromarray(np.full((16, 16), 200, np.uint16)))).rgb.max() == 1


def test_one_bit_arrays_are_black_and_white():
    assert decode(np.eye(16, dtype=bool)).rgb[0, :2, 0].tolist() == [255, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation(orientation, form):
    from PIL import ImageOps

    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255, 0, 0
    pixels[16:, 32:] = 0, 0, 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    text = encoded(Image.fromarray(pixels), form, exif=exif)
    upright = ImageOps.exif_transpose(opened(text))
    np.testing.assert_array_equal(decode(text).rgb, np.asarray(upright))


def test_damaged_exif_is_ignored(grey):
    image = Image.fromarray(grey)
    decoded = decode(encoded(image, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff", quality=95))
    assert decoded.size == image.size


def test_colors_under_alpha_0_are_replaced(rng):
    pixels = rng.integers(0, 256, (16, 16, 4), np.uint8)
    pixels[4:, :, 3] = 0
    other = pixels.copy()
    other[4:, :, :3] = 255, 0, 255
    first, second = decode(pixels), decode(other)
    assert first.digest == second.digest and (first.rgb[4:] == 127).all()


@pytest.mark.parametrize("mode", ["cover", "contain", "stretch"])
def test_resize_is_weighted_by_alpha(mode):
    """A white disc on transparent black keeps its white up to the edge."""
    y, x = np.mgrid[0:60, 0:80]
    inside = np.hypot(x - 40, y - 30) < 20
    image = decode(np.dstack([np.where(inside, 255, 0)] * 4).astype(np.uint8)).fitted(32, 32, mode)
    assert image.rgb.shape == (32, 32, 3) and image.alpha.shape == (32, 32)
    assert image.rgb[image.alpha > 0.1].min() >= 250
    assert 0 <= image.alpha.min() and image.alpha.max() == 1
    assert ((image.rgb == 127).all(-1) == (image.alpha < 0.5 / 255)).all()


def test_resize_of_an_opaque_image_is_plain(grey):
    image = decode(Image.fromarray(grey))
    np.testing.assert_array_equal(image.fitted(16, 16).rgb, foreground.fit(image.rgb, 16, 16))
    assert image.fitted(16, 16).alpha is None


def test_flattened(rgba):
    image = decode(rgba)
    np.testing.assert_array_equal(image.flattened().rgb, foreground.grey_composite(image.rgb, image.alpha))
    rgb, alpha = image.rgb.astype(np.float64), image.alpha[..., None]
    flat = image.flattened((10, 200, 30))
    assert flat.alpha is None and flat.flattened() is flat
    np.testing.assert_allclose(flat.rgb, rgb * alpha + np.array([10, 200, 30]) * (1 - alpha), atol=0.501)


def test_grey(rgba):
    image = decode(rgba)
    np.testing.assert_array_equal(image.grey(), np.asarray(rgba.convert("RGB").convert("L")))


@pytest.mark.parametrize("mode", ["LA", "La", "RGBa", "P", "I;16"])
def test_init_images_as_the_hosts_read_them(mode, grey):
    """They flatten RGBA alone, and clip more than 8 bits."""
    straight = Image.fromarray(np.dstack([grey] * 3 + [np.where(grey > 99, 255, 0).astype(np.uint8)]))
    image = straight.convert("LA").convert("La") if mode == "La" else straight.convert(mode.removesuffix(";16"))
    if mode == "P":
        image = straight.convert("RGB").convert("P")
        image.info["transparency"] = image.getpixel((3, 3))
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    found = for_host(image)
    assert found.mode == ("RGB" if mode == "I;16" else "RGBA") and for_host(found) is found
    np.testing.assert_array_equal(decode(found).pixels, decode(image).pixels)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_supported_formats(form, rgba):
    assert decode(encoded(rgba.convert("RGB"), form)).size == rgba.size


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_and_pages_are_counted(form, rng):
    first, *more = (Image.fromarray(rng.integers(0, 256, (24, 40, 3), np.uint8)) for _ in range(3))
    options = {"lossless": True} if form == "WEBP" else {}
    image = decode(encoded(first, form, save_all=True, append_images=more, **options))
    assert image.frames == image.flattened().fitted(20, 12).frames == 3
    if form != "GIF":
        np.testing.assert_array_equal(image.rgb, np.asarray(first))
    assert decode(encoded(first, form)).frames == 1


def test_a_camera_s_second_image_is_no_frame(rng):
    photo, preview = (Image.fromarray(rng.integers(0, 256, (24, 40, 3), np.uint8)) for _ in range(2))
    data = base64.b64decode(encoded(photo, "MPO", save_all=True, append_images=[preview]))
    assert Image.open(io.BytesIO(data)).n_frames == 2 and decode(data).frames == 1


def test_images_are_immutable(grey):
    image = decode(grey)
    with pytest.raises(ValueError):
        image.rgb[0, 0] = 0
    with pytest.raises(AttributeError):
        image.alpha = None
    assert isinstance(image, DecodedImage)
