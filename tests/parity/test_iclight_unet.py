"""Compares merged offsets with the original's arithmetic on a diffusers UNet (gradio_demo.py:30-61)."""

import pytest
import torch
from iclight.files import in_ldm, random_offsets, tiny_unet, write
from sd_relight.lib_iclight.conditioning import concat_condition, repeat_to_batch
from sd_relight.lib_iclight.keymap import unet_key_map_inverse
from sd_relight.lib_iclight.weights import load_offsets


def original_unet(offsets, channels):
    """The demo's own steps: a wider conv_in of zeros with the first four channels copied, then origin + offset."""
    unet = tiny_unet(4)
    conv = torch.nn.Conv2d(channels, unet.conv_in.out_channels, unet.conv_in.kernel_size, unet.conv_in.stride,
                           unet.conv_in.padding)
    conv.weight.data.zero_()
    conv.weight.data[:, :4].copy_(unet.conv_in.weight)
    conv.bias = unet.conv_in.bias
    unet.conv_in = conv
    origin = unet.state_dict()
    assert offsets.keys() == origin.keys()
    unet.load_state_dict({key: origin[key] + offsets[key].float() for key in origin}, strict=True)
    return unet.requires_grad_(False)


def add_padded(weight, offset):
    """weight + offset, where an offset with more input channels (conv_in) widens the weight with zeros first."""
    merged = torch.zeros(offset.shape, dtype=weight.dtype)
    merged[tuple(slice(side) for side in weight.shape)] = weight
    return merged + offset.to(merged)


def our_unet(path, channels):
    plain = in_ldm(tiny_unet(4).state_dict())
    offsets = load_offsets(path, dtype=torch.float32)
    merged = {unet_key_map_inverse()[key]: add_padded(plain[key], offsets[key]) for key in plain}
    unet = tiny_unet(channels, seed=99)
    unet.load_state_dict(merged, strict=True)
    return unet


def inputs(channels):
    generator = torch.Generator().manual_seed(5)
    x, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 16, generator=generator)
    parts = torch.randn(2, 1, 4, 8, 8, generator=generator)
    condition = concat_condition(parts[0]) if channels == 8 else concat_condition(parts[0], parts[1])
    return x, repeat_to_batch(condition, 2), text


def relative_error(ours, reference):
    return ((ours - reference).norm() / reference.norm()).item()


@pytest.mark.parametrize("channels", [8, 12])
@pytest.mark.parametrize("ldm", [True, False])
@pytest.mark.parametrize("name, dtype", [("a.safetensors", torch.float32), ("a.pt", torch.float16)])
def test_prediction_equals_the_originals(tmp_path, channels, ldm, name, dtype):
    offsets = random_offsets(channels, dtype=dtype)
    path = write(tmp_path / name, in_ldm(offsets) if ldm else offsets)
    x, condition, text = inputs(channels)
    plain = tiny_unet(4)(x, 500, text).sample
    reference = original_unet(offsets, channels)(torch.cat([x, condition], dim=1), 500, text).sample
    ours = our_unet(path, channels)(torch.cat([x, condition], dim=1), 500, text).sample
    assert relative_error(ours, reference) <= 1e-5
    assert relative_error(plain, reference) > 0.1, "else the comparison could not fail"


@pytest.mark.parametrize("channels", [8, 12])
def test_condition_order_and_every_channel_matter(tmp_path, channels):
    path = write(tmp_path / "a.safetensors", random_offsets(channels))
    unet, (x, condition, text) = our_unet(path, channels), inputs(channels)
    reference = unet(torch.cat([x, condition], dim=1), 500, text).sample
    for channel in range(channels - 4):
        changed = condition.clone()
        changed[:, channel] += 1
        assert relative_error(unet(torch.cat([x, changed], dim=1), 500, text).sample, reference) > 1e-4
    if channels == 12:
        swapped = condition.roll(4, dims=1)
        assert relative_error(unet(torch.cat([x, swapped], dim=1), 500, text).sample, reference) > 1e-3


@pytest.mark.parametrize("channels", [8, 12])
def test_conv_in_is_linear_in_its_halves(tmp_path, channels):
    """conv(cat[x, c]) = conv(x; W[:, :4]) + conv(c; W[:, 4:]): what a host without a wider conv_in computes."""
    path = write(tmp_path / "a.safetensors", random_offsets(channels))
    conv, (x, condition, _) = our_unet(path, channels).conv_in, inputs(channels)
    whole = conv(torch.cat([x, condition], dim=1))
    halves = torch.nn.functional.conv2d(x, conv.weight[:, :4], conv.bias, padding=1)
    halves = halves + torch.nn.functional.conv2d(condition, conv.weight[:, 4:], padding=1)
    assert relative_error(halves, whole) <= 1e-6


def test_offsets_of_zero_leave_the_plain_prediction(tmp_path):
    zeros = {key: torch.zeros_like(offset) for key, offset in random_offsets(8).items()}
    x, condition, text = inputs(8)
    unet = our_unet(write(tmp_path / "a.safetensors", zeros), 8)
    torch.testing.assert_close(unet(torch.cat([x, condition], dim=1), 500, text).sample, tiny_unet(4)(x, 500, text).sample,
                               rtol=1e-5, atol=1e-6)
