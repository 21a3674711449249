"""Compares the condition's latent of a subject with alpha with the demos' steps and diffusers' VAE."""

import numpy as np
import pytest
import torch
from decoding import decoded
from diffusers import AutoencoderKL
from encoding import encoded
from PIL import Image
from sd_relight.lib_iclight.conditioning import to_vae_input
from sd_relight.lib_iclight.foreground import fit, grey_composite
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.hosts.patcher import to_host_range
from sd_relight.lib_relight.job.frame import Frame
from sd_relight.lib_relight.job.subject import cut_out
from sd_relight.lib_relight.request.request import IcLightImages


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(3)
    return AutoencoderKL(block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4,
                         up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=4, latent_channels=4,
                         scaling_factor=0.18215).eval().requires_grad_(False)


@pytest.fixture
def cutout(rng):
    return rng.integers(0, 256, (150, 211, 4), np.uint8)


def original_pixels(cutout, width, height):
    """run_rmbg with sigma 0 on the full image, resize_and_center_crop, numpy2pytorch."""
    img, alpha = cutout[..., :3], (cutout[..., 3:].astype(np.float32) / 255).clip(0, 1)
    grey = (127 + (img.astype(np.float32) - 127 + 0.0) * alpha).clip(0, 255).astype(np.uint8)
    pil = Image.fromarray(grey)
    scale = max(width / pil.width, height / pil.height)
    wide, high = int(round(pil.width * scale)), int(round(pil.height * scale))  # noqa: RUF046
    resized = pil.resize((wide, high), Image.LANCZOS)
    cropped = resized.crop(((wide - width) / 2, (high - height) / 2, (wide + width) / 2, (high + height) / 2))
    return (torch.from_numpy(np.stack([np.array(cropped)], axis=0)).float() / 127.0 - 1.0).movedim(-1, 1)


def our_pixels(cutout, width, height):
    return fit(grey_composite(cutout[..., :3], cutout[..., 3].astype(np.float32) / 255), width, height)


@pytest.mark.parametrize("size", [(64, 80), (128, 64), (512, 640)])
def test_pixels_equal_the_originals_bit_for_bit(cutout, size):
    assert torch.equal(to_vae_input(our_pixels(cutout, *size)), original_pixels(cutout, *size))


@pytest.mark.parametrize("size", [(64, 80), (128, 64)])
def test_condition_is_mode_times_scaling_and_repeats_bit_for_bit(vae, cutout, size):
    reference = vae.encode(original_pixels(cutout, *size)).latent_dist.mode() * vae.config.scaling_factor
    runs = [vae.encode(to_vae_input(our_pixels(cutout, *size))).latent_dist.mode() * vae.config.scaling_factor
            for _ in range(2)]
    assert reference.shape == (1, 4, size[1] // 8, size[0] // 8)
    assert torch.equal(runs[0], reference) and torch.equal(runs[1], reference)
    sampled = vae.encode(to_vae_input(our_pixels(cutout, *size))).latent_dist.sample() * vae.config.scaling_factor
    assert not torch.equal(sampled, reference), "a sample would not repeat"


def test_a_host_that_maps_2x_minus_1_gets_the_same_condition(vae, cutout):
    image = our_pixels(cutout, 64, 64)
    host = vae.encode((2.0 * to_host_range(to_vae_input(image)) - 1.0).movedim(-1, 1)).latent_dist.mode()
    assert torch.equal(host, vae.encode(to_vae_input(image)).latent_dist.mode())
    by_255 = vae.encode((2.0 * (torch.from_numpy(image)[None].float() / 255) - 1.0).movedim(-1, 1)).latent_dist.mode()
    assert not torch.equal(host, by_255)


def test_grey_is_zero_for_the_vae():
    assert torch.count_nonzero(to_vae_input(np.full((64, 64, 3), 127, np.uint8))) == 0


@pytest.mark.parametrize("size", [(64, 80), (128, 64), (512, 640)])
def test_the_condition_of_a_job_equals_the_originals_bit_for_bit(cutout, size):
    """From the request's PNG to the VAE's input; colours under alpha 0 and the file format change nothing."""
    cutout[:40, :60, 3] = 0
    cutout[60:90, 80:, 3] = 255
    subject = cut_out(decoded(encoded(Image.fromarray(cutout)), "foreground"), IcLightParams(), IcLightImages())
    condition = subject.on_grey(Frame(), *size)
    assert torch.equal(to_vae_input(condition), original_pixels(cutout, *size))
    assert torch.equal((2.0 * to_host_range(to_vae_input(condition)) - 1.0).movedim(-1, 1), original_pixels(cutout, *size))


def test_every_level_of_color_and_alpha_is_truncated_as_the_original_does():
    """All 65,536 pairs. Rounding instead would change 31,899 of them."""
    level, alpha = (plane.astype(np.uint8) for plane in np.mgrid[:256, :256])
    ours = grey_composite(np.repeat(level[..., None], 3, axis=2), alpha.astype(np.float32) / 255)[..., 0]
    exact = 127 * 255 + (level.astype(int) - 127) * alpha
    below, rest = exact // 255, exact % 255
    assert (ours[rest != 0] == below[rest != 0]).all()
    assert (ours[:, 0] == 127).all() and (ours[:, 255] == level[:, 0]).all()
    original = (127 + (level.astype(np.float32) - 127 + 0.0) * (alpha.astype(np.float32) / 255)).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(ours, original)
