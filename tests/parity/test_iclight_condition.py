"""Compares the condition's latent of a subject with alpha with the demos' steps and diffusers' VAE."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from sd_relight.lib_iclight.conditioning import to_vae_input
from sd_relight.lib_iclight.foreground import fit, grey_composite
from sd_relight.lib_relight.hosts.patcher import to_host_range


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
