"""Tests VAE input, concatenated condition, start noise and init latent."""

import numpy as np
import pytest
import torch
from sd_relight.lib_iclight.conditioning import concat_condition, masked_init, repeat_to_batch, start_noise, to_vae_input

ALL = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)


def test_vae_input_of_every_byte():
    pixels = to_vae_input(ALL)
    assert pixels.shape == (1, 3, 16, 16) and pixels.dtype == torch.float32
    expected = np.arange(256, dtype=np.float32).reshape(16, 16) / np.float32(127) - np.float32(1)
    for channel in range(3):
        np.testing.assert_array_equal(pixels[0, channel].numpy(), expected)
    flat = pixels[0, 0].flatten()
    assert flat[127] == 0 and flat[0] == -1 and abs(flat[255] - 1.0078740) < 1e-6


def test_channels_keep_their_order():
    image = np.zeros((2, 3, 3), np.uint8)
    image[..., 0], image[..., 2] = 254, 127
    pixels = to_vae_input(image)
    assert pixels.shape == (1, 3, 2, 3)
    assert (pixels[0, 0] == 1).all() and (pixels[0, 1] == -1).all() and (pixels[0, 2] == 0).all()



def test_concat_is_foreground_then_background():
    foreground, background = torch.randn(1, 4, 5, 6), torch.randn(1, 4, 5, 6)
    both = concat_condition(foreground, background)
    assert both.shape == (1, 8, 5, 6)
    assert torch.equal(both[:, :4], foreground) and torch.equal(both[:, 4:], background)
    assert torch.equal(concat_condition(foreground), foreground)
    assert torch.equal(concat_condition(foreground, background, 0.5), both * 0.5)


def test_repeat_keeps_the_block_order():
    pair = torch.arange(2.0).view(2, 1, 1, 1)
    assert repeat_to_batch(pair, 6).flatten().tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(ValueError, match="a condition of 2 rows does not divide a batch of 3"):
        repeat_to_batch(pair, 3)


def test_start_noise_is_img2img_from_the_light_at_full_denoise():
    noise, light, sigma = torch.randn(2, 4, 8, 8), torch.randn(1, 4, 8, 8), 14.6146
    start = sigma * start_noise(noise, light, sigma)
    torch.testing.assert_close(start, light + sigma * noise, rtol=1e-6, atol=1e-6)
    assert torch.equal(start_noise(noise, torch.zeros_like(light), sigma), noise)


def test_start_noise_keeps_the_noises_type():
    noise = torch.randn(1, 4, 2, 2).half()
    assert start_noise(noise, torch.randn(1, 4, 2, 2), torch.tensor(14.6)).dtype == torch.float16


def test_masked_init_outside_and_inside():
    init, light = torch.randn(2, 4, 6, 6), torch.randn(1, 4, 6, 6)
    nmask = torch.zeros(1, 1, 6, 6)
    nmask[..., 3:] = 1
    nmask[..., 2] = 0.25
    mixed = masked_init(init, light, nmask)
    assert torch.equal(mixed[..., :2], init[..., :2])
    assert torch.equal(mixed[..., 3:], light.expand(2, -1, -1, -1)[..., 3:])
    torch.testing.assert_close(mixed[..., 2], 0.75 * init[..., 2] + 0.25 * light[..., 2])


def test_masked_init_without_mask_is_the_light_and_a_copy():
    init, light = torch.randn(2, 4, 6, 6), torch.randn(1, 4, 6, 6)
    mixed = masked_init(init, light, None)
    assert torch.equal(mixed, light.repeat(2, 1, 1, 1))
    mixed += 1
    assert not torch.equal(mixed[:1], light)
