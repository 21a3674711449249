"""Every projection, built from shapes alone, against diffusers' class with the same random weights, and the formula.

In float64, so that a difference is one of arithmetic, not of rounding.
"""

from pathlib import Path

import pytest
import torch
from diffusers.loaders.unet import UNet2DConditionLoadersMixin
from ipadapter import ip_files as made
from sd_relight.lib_ipadapter.files.adapter_file import AdapterFile
from sd_relight.lib_ipadapter.files.projections import build_projection
from sd_relight.lib_ipadapter.files.variants import detect

CROSS = 128
CASES = {
    "a-base": (made.base_proj(48, CROSS), "image_embeds"),
    "a-base-6-tokens": (made.base_proj(48, CROSS, 6), "image_embeds"),
    "a-plus": (made.resampler(96, 192, CROSS, 3), "hidden"),
    "a-plus-deep": (made.resampler(96, 64, CROSS, 2, tokens=8, depth=2), "hidden"),
    "a-full": (made.full_proj(96, CROSS), "hidden"),
    "a-faceid": (made.face_proj(CROSS), "face"),
    "a-portrait": (made.face_proj(CROSS, 16), "face"),
    "a-unnorm": (made.resampler(512, 192, CROSS, 3), "raw"),
    "a-faceid-plus": (made.face_plus_proj(CROSS, 96), "both"),
    "a-faceid-plusv2": (made.face_plus_proj(CROSS, 96), "both"),
}


def build_case(name):
    shapes, kind = CASES[name]
    weights = {key: value.double() for key, value in made.random_state(shapes).items()}
    file = AdapterFile(Path(f"{name}.safetensors"), shapes, made.layer_shapes("sd15", CROSS, 8))
    variant = detect(file)
    return variant, weights, build_projection(variant.empty_projection(), name, weights, torch.float64), kind


def reference(weights, variant):
    return UNet2DConditionLoadersMixin()._convert_ip_adapter_image_proj_to_diffusers(
        dict(weights), low_cpu_mem_usage=False).double().eval()


@pytest.mark.parametrize("name", CASES)
def test_against_diffusers(name):
    variant, weights, own, kind = build_case(name)
    if variant.sizes.get("resampler", variant.sizes).get("depth", 4) != 4:
        pytest.skip("diffusers' converter knows four layers")
    if name == "a-base-6-tokens":
        pytest.skip("diffusers' converter knows four tokens")
    theirs = reference(weights, variant)
    face, clip = torch.randn(2, 512).double(), torch.randn(2, 10, 96).double()
    with torch.no_grad():
        if kind == "image_embeds":
            embeds = torch.randn(2, 48).double()
            pair = own(embeds), theirs(embeds)
        elif kind == "hidden":
            pair = own(clip), theirs(clip)
        elif kind == "face":
            pair = own(face), theirs(face)
        elif kind == "raw":
            pair = own(face[:, None]), theirs(face[:, None])
        else:
            theirs.clip_embeds, theirs.shortcut, theirs.shortcut_scale = clip[:, None], variant.family.shortcut, 0.7
            pair = own(face, clip, 0.7), theirs(face)
    assert pair[0].shape == (2, 10 if "full" in name else variant.tokens, CROSS)
    torch.testing.assert_close(*pair, atol=1e-9, rtol=1e-9)


def layer_norm(x, weights, name):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt() * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def perceive(weights, latents, x, heads, depth, prefix=""):
    """The official Resampler, written out (resampler.py)."""
    x = linear(x, weights, f"{prefix}proj_in")
    for i in range(depth):
        a, f = f"{prefix}layers.{i}.0", f"{prefix}layers.{i}.1"
        normed = layer_norm(latents, weights, f"{a}.norm2")
        both = torch.cat([layer_norm(x, weights, f"{a}.norm1"), normed], 1)
        q, kv = linear(normed, weights, f"{a}.to_q"), linear(both, weights, f"{a}.to_kv")
        k, v = kv[..., : kv.shape[-1] // 2], kv[..., kv.shape[-1] // 2:]
        heads_out = []
        for h in range(heads):
            part = slice(64 * h, 64 * h + 64)
            logits = q[..., part] @ k[..., part].transpose(1, 2) / 8
            heads_out.append(torch.softmax(logits, -1) @ v[..., part])
        latents = latents + linear(torch.cat(heads_out, -1), weights, f"{a}.to_out")
        hidden = gelu(linear(layer_norm(latents, weights, f"{f}.0"), weights, f"{f}.1"))
        latents = latents + linear(hidden, weights, f"{f}.3")
    return layer_norm(linear(latents, weights, f"{prefix}proj_out"), weights, f"{prefix}norm_out")


@pytest.mark.parametrize("name", CASES)
def test_against_the_formula(name):
    variant, w, own, kind = build_case(name)
    face, clip, embeds = (torch.randn(3, *shape).double() for shape in ((512,), (7, 96), (48,)))
    if kind == "image_embeds":
        got = own(embeds)
        expected = layer_norm(linear(embeds, w, "proj").reshape(3, -1, CROSS), w, "norm")
    elif "full" in name:
        got = own(clip)
        expected = layer_norm(linear(gelu(linear(clip, w, "proj.0")), w, "proj.2"), w, "proj.3")
    elif kind in ("hidden", "raw"):
        x = face[:, None] if kind == "raw" else clip
        got = own(x)
        expected = perceive(w, w["latents"].repeat(3, 1, 1), x, variant.sizes["heads"], variant.sizes["depth"])
    else:
        identity = linear(gelu(linear(face, w, "proj.0")), w, "proj.2").reshape(3, -1, CROSS)
        expected = identity = layer_norm(identity, w, "norm")
        got = own(face) if kind == "face" else own(face, clip, 1.5)
        if kind == "both":
            seen = perceive(w, identity, clip, CROSS // 64, 4, "perceiver_resampler.")
            expected = identity + 1.5 * seen if "v2" in name else seen
    torch.testing.assert_close(got, expected, atol=1e-9, rtol=1e-9)


def test_heads_come_from_the_shape_not_from_the_base():
    variant, *_ = build_case("a-plus")
    assert (variant.sizes["heads"], variant.sizes["dim"], variant.base) == (3, 192, "sd15")
