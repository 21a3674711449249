"""IC-Light in inpaint only masked, SD upscale and a detailer's job: every image is cropped as the host crops the init image."""

import numpy as np
import pytest
import torch
from decoding import decoded
from job.sampler_inputs import mode_latent
from PIL import Image, ImageOps
from sd_relight.lib_iclight import detail, foreground, light_map
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.hosts import current_host
from sd_relight.lib_relight.job.frame import predicted_crop

ONLY_MASKED = {"width": 64, "height": 64, "mask_blur": 2, "inpainting_fill": 1, "inpaint_full_res": True,
               "inpaint_full_res_padding": 4, "denoising_strength": 0.95, "resize_mode": 1}


@pytest.fixture
def opaque(photo):
    return photo.convert("RGB")


@pytest.fixture
def face(opaque):
    """A mask far from the middle."""
    mask = Image.new("L", opaque.size)
    mask.paste(255, (80, 8, 100, 30))
    return mask


@pytest.fixture
def masked(applied, opaque, face):
    def run(iclight, **fields):
        seen, result = applied("img2img", iclight, init_images=[opaque], mask=face, **{**ONLY_MASKED, **fields})
        return seen[0], result

    return run


def part(p, array, width=64, height=64):
    """What the host samples of an image of the init image's size."""
    left, top, w, h = p.paste_to
    return np.asarray(Image.fromarray(array[top:top + h, left:left + w]).resize((width, height), Image.LANCZOS))


def same(condition, host, *images):
    expected = torch.cat([mode_latent(host, image) for image in images], dim=1)
    torch.testing.assert_close(condition, expected, rtol=1e-5, atol=1e-6)


def test_the_cut_out_of_the_same_photograph_is_its_subject(host, masked, photo, opaque):
    """The job is the same whether the matte comes with `foreground`, or as `mask` for the init image."""
    own, by_mask = masked({"light": "left", "matting": "mask", "mask": photo.getchannel("A"), "reinforce": 0.4, "detail": 0.5})
    given, by_foreground = masked({"light": "left", "foreground": photo, "matting": "alpha", "reinforce": 0.4, "detail": 0.5})
    assert 16 < own["p"].paste_to[2] < 64
    grey = decoded(photo).flattened().rgb
    same(given["unet"].extra_concat_condition, host, part(own["p"], grey))
    torch.testing.assert_close(given["unet"].extra_concat_condition, own["unet"].extra_concat_condition)
    difference = np.abs(np.asarray(by_mask.images[0]).astype(int) - np.asarray(by_foreground.images[0]))
    assert difference.mean() < 1, "they differ where colors lie under alpha 0 only"


def test_background_and_light_map_are_cropped(host, masked, opaque, photo, rng):
    background = Image.fromarray(rng.integers(0, 256, (80, 120, 3), np.uint8))
    seen, _ = masked({"background": background, "matting": "none"})
    same(seen["unet"].extra_concat_condition, host, part(seen["p"], np.asarray(opaque)), part(seen["p"], np.asarray(background)))
    light, _ = masked({"light": "custom", "light_map": background, "matting": "none"})
    start = mode_latent(host, part(light["p"], np.asarray(background)))
    nmask = light["p"].nmask
    torch.testing.assert_close(light["x"] * nmask, start * nmask, rtol=1e-5, atol=1e-6)


def test_a_background_of_twice_the_size_shows_the_same_part(host, masked, opaque):
    seen, _ = masked({"background": opaque.resize((240, 160), Image.NEAREST), "matting": "none"})
    condition = seen["unet"].extra_concat_condition
    closeness = (condition[:, 4:] - condition[:, :4]).abs().mean()
    whole = (condition[:, 4:] - mode_latent(host, foreground.fit(np.asarray(opaque), 64, 64))).abs().mean()
    assert closeness < 0.3 * whole


def test_the_light_lies_over_the_sampled_part(host, masked):
    seen, _ = masked({"light": "left", "matting": "none"})
    light = light_map.render_lights(IcLightParams(light="left"), "fc", 64, 64)
    nmask = seen["p"].nmask
    torch.testing.assert_close(seen["x"] * nmask, mode_latent(host, light) * nmask, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fields", [{"color_hold": 1.0}, {"keep_background": True}, {"detail": 1.0}])
def test_the_finish_takes_the_part_that_was_sampled(masked, photo, opaque, fields, monkeypatch):
    taken = []
    for name in ("hold_color", "keep_background", "restore_detail"):
        def recorded(relit, original, alpha, *rest, real=getattr(detail, name)):
            taken.append((original, alpha))
            return real(relit, original, alpha, *rest)

        monkeypatch.setattr(detail, name, recorded)
    seen, _ = masked({"light": "left", "matting": "mask", "mask": photo.getchannel("A"), "foreground": opaque, **fields})
    (original, alpha), = taken
    np.testing.assert_array_equal(original, part(seen["p"], np.asarray(opaque)))
    np.testing.assert_allclose(alpha, part(seen["p"], decoded(photo).alpha).clip(0, 1), atol=1e-6)


def test_an_image_of_another_shape_is_reported(masked, opaque):
    _, result = masked({"background": opaque.crop((0, 0, 64, 64)), "matting": "none"})
    sentence = "`background` is 64x64 and the img2img image 120x80: their shapes differ"
    assert sentence in result.comments and "Relight remarks: " in result.infotexts[0] and sentence in result.infotexts[0]


def test_tiles_of_sd_upscale_see_their_part_of_the_background(host, applied, opaque, rng):
    """As the host's script does it: one p, whose init image is exchanged for each tile."""
    from modules import images

    background = Image.fromarray(rng.integers(0, 256, (80, 120, 3), np.uint8))
    conditions = []

    def run():
        grid = images.split_grid(opaque, 64, 64, 16) if hasattr(images, "split_grid") else split_grid(opaque)
        work = [tile for _, _, row in grid.tiles for _, _, tile in row]
        for tile in work:
            seen, _ = applied("img2img", {"background": background, "matting": "none"}, init_images=[tile], width=64, height=64,
                              denoising_strength=0.3)
            conditions.append(seen[0]["unet"].extra_concat_condition)
        return [(left, top, tile) for top, _, row in grid.tiles for left, _, tile in row]

    for condition, (left, top, tile) in zip(conditions, run(), strict=True):
        behind = np.asarray(background)[top:top + 64, left:left + 64]
        same(condition, host, np.asarray(tile), behind)


def split_grid(image):
    from collections import namedtuple

    rows = [[top, 64, [[left, 64, image.crop((left, top, left + 64, top + 64))] for left in (0, 28, 56)]] for top in (0, 16)]
    return namedtuple("Grid", "tiles tile_w tile_h image_w image_h overlap")(rows, 64, 64, 120, 80, 16)


@pytest.mark.parametrize("blur, padding, invert", [(0, 0, False), (4, 8, False), (7, 32, False), (3, 4, True)])
def test_the_crop_is_known_before_the_job(applied, opaque, face, blur, padding, invert):
    """A preview's crop box is the one that the host computes for the job."""
    if invert:
        face = ImageOps.invert(face)
    seen, _ = applied("img2img", {"matting": "none"}, init_images=[opaque], mask=face, **{
        **ONLY_MASKED, "mask_blur": blur, "inpaint_full_res_padding": padding, "inpainting_mask_invert": int(invert)})
    left, top, width, height = seen[0]["p"].paste_to
    assert predicted_crop(current_host(), decoded(face), blur, padding, invert, (64, 64)) == (left, top, left + width, top + height)
    assert predicted_crop(current_host(), decoded(Image.new("L", face.size)), blur, padding, False, (64, 64)) is None


def grey_layer(mask):
    """Forge's inpaint tabs: the strokes' alpha as opaque grey."""
    return Image.merge("RGBA", (mask, mask, mask, Image.new("L", mask.size, 255)))


def strokes(mask):
    """White strokes on a transparent layer, as gradio's sketch and an uploaded PNG have them."""
    layer = Image.new("RGBA", mask.size, "white")
    layer.putalpha(mask)
    return layer


@pytest.mark.parametrize("form", [grey_layer, strokes, lambda mask: mask.convert("RGB"), lambda mask: mask.convert("1")],
                         ids=["forge", "strokes", "sketch of gradio 3", "one bit"])
def test_the_mask_of_every_img2img_tab_crops_the_same(applied, opaque, face, form):
    """The tabs also pass the image itself as opaque RGBA."""
    (one,), _ = applied("img2img", {"matting": "none"}, init_images=[opaque], mask=face, **ONLY_MASKED)
    (other,), _ = applied("img2img", {"matting": "none"}, init_images=[opaque.convert("RGBA")], mask=form(face), **ONLY_MASKED)
    assert other["p"].paste_to == one["p"].paste_to
    assert torch.equal(other["unet"].extra_concat_condition, one["unet"].extra_concat_condition)
    left, top, width, height = one["p"].paste_to
    assert predicted_crop(current_host(), decoded(form(face)), 2, 4, False, (64, 64)) == (left, top, left + width, top + height)
