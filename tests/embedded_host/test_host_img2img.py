"""img2img: resize modes, masks, fills, several photos, colour correction."""

import numpy as np
import pytest
import torch
from embedded_host.conftest import SMALL, pixels
from PIL import Image, ImageOps
from sd_relight.embedded_host.errors import HostError
from sd_relight.lib_relight.base.errors import RelightError


@pytest.fixture
def prepared(host, probe):
    """Run an img2img job and get its p."""

    def run(**fields):
        kept = []
        probe.actions["process_before_every_sampling"] = lambda p, *args, **kwargs: kept.append(p)
        result = host.img2img({**SMALL, **fields})
        return kept[0], result

    return run


def square_mask(width, height, box):
    mask = Image.new("L", (width, height))
    mask.paste(255, box)
    return mask


def test_resize_modes(host, photo):
    """96 x 64 to 64 x 64: stretch, cover (16 columns off each side), fit (10 rows of border above and 11 below)."""
    from modules import images

    stretched, covered, fitted = (pixels(images.resize_image(mode, photo, 64, 64)) for mode in (0, 1, 2))
    assert (stretched == pixels(photo.resize((64, 64), Image.LANCZOS))).all()
    assert (covered == pixels(photo)[:, 16:80]).all()
    inner = pixels(photo.resize((64, 42), Image.LANCZOS))
    assert (fitted[11:53] == inner).all() and abs(fitted[:11] - inner[0]).max() <= 4
    assert images.resize_image(2, photo, 128, 64).size == (128, 64)
    assert (pixels(images.resize_image(2, photo, 128, 64))[:, 16:112] == pixels(photo)).all()
    assert abs(pixels(images.resize_image(2, photo, 128, 64))[:, 112:] - pixels(photo)[:, -1:]).max() <= 4


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_jobs_in_every_resize_mode(prepared, photo, mode):
    p, result = prepared(init_images=[photo], resize_mode=mode)
    assert result.images[0].size == (64, 64) and p.init_latent.shape == (1, 4, 8, 8)


def test_just_resize_latent_encodes_the_photo_at_its_own_size(host, prepared, photo):
    from modules import sd_samplers_common

    p, _ = prepared(init_images=[photo], resize_mode=3)
    array = torch.from_numpy(pixels(photo) / 255).float().movedim(-1, 0)[None]
    latent = sd_samplers_common.images_tensor_to_samples(array, model=host.model, seeds=[SMALL["seed"]])
    expected = torch.nn.functional.interpolate(latent, size=(8, 8), mode="bilinear")
    torch.testing.assert_close(p.init_latent, expected, atol=1e-5, rtol=0)


def test_strength_decides_how_much_stays(host, photo):
    photo = photo.resize((64, 64))
    weak, strong = (pixels(host.img2img(SMALL, init_images=[photo], denoising_strength=s, steps=10).images[0])
                    for s in (0.1, 1.0))
    assert abs(weak - pixels(photo)).mean() < 25 < abs(strong - pixels(photo)).mean()


@pytest.mark.parametrize("full_res", [False, True])
def test_outside_the_mask_the_photo_stays(host, photo, full_res):
    mask = square_mask(96, 64, (8, 8, 32, 32))
    result = host.img2img(SMALL, init_images=[photo], mask=mask, width=96, mask_blur=0, inpaint_full_res=full_res,
                          inpainting_fill=1).images[0]
    changed = abs(pixels(result) - pixels(photo)).max(-1)
    assert result.size == (96, 64)
    outside = np.asarray(ImageOps.invert(mask)) > 0
    assert changed[outside].max() == 0 and changed[~outside].mean() > 1


def test_inverted_mask_changes_the_rest(host, photo):
    mask = square_mask(96, 64, (8, 8, 32, 32))
    result = host.img2img(SMALL, init_images=[photo], mask=mask, width=96, mask_blur=0, inpaint_full_res=False,
                          inpainting_mask_invert=1)
    inside = np.asarray(mask) > 0
    changed = abs(pixels(result.images[0]) - pixels(photo)).max(-1)
    assert changed[inside].max() == 0 and changed[~inside].mean() > 1
    assert "Mask mode: Inpaint not masked" in result.info


def test_masked_region_is_cropped_and_pasted_back(prepared, photo):
    """A 16 x 16 hole with 8 pixels of padding, at 64 x 64: region 32 x 32."""
    p, result = prepared(init_images=[photo], mask=square_mask(96, 64, (40, 20, 56, 36)), mask_blur=0,
                         inpaint_full_res=True, inpaint_full_res_padding=8)
    assert p.paste_to == (32, 12, 32, 32) and result.images[0].size == (96, 64)
    assert "Inpaint area: Only masked, Masked area padding: 8" in result.info


def test_a_blank_mask_is_plain_img2img(prepared, photo):
    p, result = prepared(init_images=[photo], mask=Image.new("L", photo.size), inpaint_full_res=True)
    assert p.mask is None and "mask is blank" in result.comments and len(result.images) == 1


def test_fills(prepared, photo):
    """fill and original start from photos, latent noise and nothing from latents: zero under the mask for the last."""
    common = {"init_images": [photo.resize((64, 64))], "mask": square_mask(64, 64, (0, 0, 32, 64)), "mask_blur": 0,
              "inpaint_full_res": False}
    latents = {fill: prepared(**common, inpainting_fill=fill)[0].init_latent for fill in range(4)}
    assert latents[3][..., :4].abs().max() == 0
    torch.testing.assert_close(latents[3][..., 4:], latents[2][..., 4:], atol=0, rtol=0)
    noise = torch.randn(4, 8, 8, generator=torch.Generator("cpu").manual_seed(SMALL["seed"]))
    torch.testing.assert_close(latents[2][0, ..., :4], noise[..., :4], atol=0, rtol=0)
    assert not torch.equal(latents[0][..., :4], latents[1][..., :4])
    _, result = prepared(**common, inpainting_fill=0)
    assert "Masked content: fill" in result.info


def test_soft_mask(prepared, photo):
    mask = Image.new("L", (64, 64), 128)
    p, _ = prepared(init_images=[photo.resize((64, 64))], mask=mask, mask_round=False, inpaint_full_res=False)
    torch.testing.assert_close(p.nmask, torch.full((4, 8, 8), 128 / 255))
    p, _ = prepared(init_images=[photo.resize((64, 64))], mask=mask, inpaint_full_res=False)
    assert p.nmask.unique().tolist() == [1.0] and torch.equal(p.mask, 1 - p.nmask)


def test_several_init_images(host, photo):
    red = Image.new("RGB", (64, 64), (200, 20, 20))
    both = host.img2img(SMALL, init_images=[photo, red], batch_size=2, denoising_strength=0.3, steps=6).images
    alone = host.img2img(SMALL, init_images=[red], seed=6, denoising_strength=0.3, steps=6).images
    assert abs(pixels(both[1]) - pixels(alone[0])).max() <= 2
    with pytest.raises(HostError, match="2 init images for a batch of 1: send one"):
        host.img2img(SMALL, init_images=[photo, red])


def test_two_photos_of_one_init_image_equal_single_jobs(host, photo):
    both = host.img2img(SMALL, init_images=[photo], batch_size=2).images
    singles = [host.img2img(SMALL, init_images=[photo], seed=seed).images[0] for seed in (5, 6)]
    assert all(abs(pixels(a) - pixels(b)).max() <= 1 for a, b in zip(both, singles))


def test_colour_correction(host, photo):
    red = Image.new("RGB", (64, 64), (200, 40, 40))
    plain, corrected = (
        pixels(host.img2img(SMALL, init_images=[red], steps=4, denoising_strength=1.0,
                            override_settings={"img2img_color_correction": on}).images[0]) for on in (False, True))
    chroma = lambda array: (array - array.mean(-1, keepdims=True)).mean((0, 1))  # noqa: E731
    target = chroma(pixels(red))
    assert abs(chroma(corrected) - target).max() < 0.6 * abs(chroma(plain) - target).max()
    luma = np.array([0.3, 0.59, 0.11])
    assert abs(corrected @ luma - plain @ luma).mean() < 3, "the result keeps its own luminosity"


def test_transparent_photo_gets_the_background_colour(prepared):
    p, _ = prepared(init_images=[Image.new("RGBA", (64, 64), (0, 0, 0, 0))])
    white, _ = prepared(init_images=[Image.new("RGB", (64, 64), (255, 255, 255))])
    assert torch.equal(p.init_latent, white.init_latent)
    palette = Image.new("P", (64, 64), 1)
    palette.info["transparency"] = 1
    p, _ = prepared(init_images=[palette])
    assert torch.equal(p.init_latent, white.init_latent)


def test_init_images_hook_sees_the_mask(host, probe, photo):
    host.img2img(SMALL, init_images=[photo], mask=square_mask(96, 64, (40, 20, 56, 36)), mask_blur=0)
    given = next(args[0] for name, args, _ in probe.calls if name == "before_process_init_images")
    assert given["crop_region"] == (40, 20, 56, 36) and given["image_mask"].size == (64, 64)


def test_base64_photos(host, photo):
    import base64
    import io

    data = io.BytesIO()
    photo.save(data, "PNG")
    encoded = base64.b64encode(data.getvalue()).decode()
    plain, other = (pixels(host.img2img(SMALL, init_images=[image]).images[0])
                    for image in (photo, f"data:image/png;base64,{encoded}"))
    assert (plain == other).all()
    with pytest.raises(RelightError, match="`init_images` is no image in a supported format"):
        host.img2img(SMALL, init_images=["nonsense"])
    with pytest.raises(ValueError, match="img2img needs an image in `init_images`."):
        host.img2img(SMALL)
