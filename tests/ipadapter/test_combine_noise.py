"""Tests combining of images, and the noise images of the unconditional side."""

import numpy as np
import pytest
import torch
from PIL import Image
from sd_relight.lib_ipadapter.encode import combine, noise
from sd_relight.lib_ipadapter.errors import IpAdapterError


def test_modes_against_their_formulas():
    e = torch.randn(3, 5, 7)
    assert torch.equal(combine.combine(e, "concat"), e)
    assert torch.equal(combine.combine(e, "separate", (2, 1, 1)), e)
    torch.testing.assert_close(combine.combine(e, "average"), (e[:1] + e[1:2] + e[2:]) / 3)
    torch.testing.assert_close(combine.combine(e, "add"), e[:1] + e[1:2] + e[2:])
    torch.testing.assert_close(combine.combine(e, "subtract"), e[:1] - (e[1:2] + e[2:]) / 2)
    norm = (e**2).sum(0, keepdim=True).sqrt()
    torch.testing.assert_close(combine.combine(e, "norm average"), (e / norm).mean(0, keepdim=True))


def test_weights_multiply_embeddings():
    e = torch.randn(2, 4)
    torch.testing.assert_close(combine.combine(e, "average", (2.0, 0.5)), (2 * e[:1] + 0.5 * e[1:]) / 2)
    torch.testing.assert_close(combine.combine(e, "concat", (2.0,)), torch.stack([2 * e[0], e[1]]))
    assert torch.equal(combine.combine(e[:1], "subtract"), e[:1])


def test_too_many_weights():
    with pytest.raises(IpAdapterError) as caught:
        combine.image_weights((1, 2, 3), 2)
    assert str(caught.value) == "`image_weights` has 3 numbers for 2 images; leave out the last 1."


def test_token_bias():
    assert combine.token_bias((1.0, 1.0), 4) is None
    bias = combine.token_bias((2.0, 0.0), 2)
    assert bias.tolist() == pytest.approx([np.log(2), np.log(2), -np.inf, -np.inf])
    with pytest.raises(IpAdapterError, match=r"`image_weights` is \[-1.0, 1.0\]; weighted concat takes numbers from 0 up"):
        combine.token_bias((-1.0, 1.0), 2)


def test_tokens_in_one_sequence():
    tokens = torch.arange(12.0).reshape(2, 3, 2)
    assert combine.concat_tokens(tokens).tolist() == [tokens.reshape(6, 2).tolist()]


def make_image(seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["fade", "dissolve", "gaussian", "shuffle"])
def test_repeatable_and_made_from_the_image(kind):
    one, again, other = (noise.noise_image(make_image(s), kind, 0.5) for s in (0, 0, 1))
    assert np.array_equal(np.asarray(one), np.asarray(again))
    assert not np.array_equal(np.asarray(one), np.asarray(other))
    assert one.size == (64, 64)


@pytest.mark.parametrize("kind", ["fade", "dissolve", "gaussian"])
def test_strength_zero_changes_nothing(kind):
    assert np.array_equal(np.asarray(noise.noise_image(make_image(), kind, 0.0)), np.asarray(make_image()))


def test_fade_and_dissolve_follow_their_formulas():
    pixels, generator = torch.rand(1, 3, 32, 32), torch.Generator
    faded = noise.add_noise(pixels, "fade", 0.3, generator().manual_seed(4))
    r = torch.rand(1, 3, 32, 32, generator=generator().manual_seed(4))
    torch.testing.assert_close(faded, pixels * 0.7 + r * 0.3)
    dissolved = noise.add_noise(pixels, "dissolve", 0.25, generator().manual_seed(4))
    changed = (dissolved != pixels).any(1).float().mean()
    assert 0.2 < float(changed) < 0.3


def test_shuffle_turns_the_image_over():
    """At strength 0 the field is smooth and small: the result is the image turned by half a turn, about."""
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.broadcast_to(ramp, (64, 64))] * 3, -1).copy())
    out = np.asarray(noise.noise_image(image, "shuffle", 0.0)).astype(int)
    assert out[20:44, :16].mean() > 180 and out[20:44, -16:].mean() < 75


def test_elastic_without_movement_is_the_image():
    pixels = torch.rand(1, 3, 20, 30)
    torch.testing.assert_close(noise.elastic(pixels, 0.0, 2.0, torch.Generator()), pixels, atol=1e-5, rtol=0)


def test_blur_keeps_a_level_image_and_lowers_the_spread():
    torch.testing.assert_close(noise.gaussian_blur(torch.full((1, 3, 16, 16), 0.4), 9, 2.0), torch.full((1, 3, 16, 16), 0.4))
    plain, blurred = (np.asarray(noise.noise_image(make_image(), "fade", 1.0, blur)).std() for blur in (0, 4))
    assert blurred < 0.5 * plain


def test_unknown_noise():
    with pytest.raises(IpAdapterError, match="`noise` is 'salt'; choose one of fade, dissolve, gaussian, shuffle."):
        noise.noise_image(make_image(), "salt")
