"""Compares patched UNets with diffusers' own IP-Adapter, float32: loading, projection and attention together, ≤ 1e-5."""

import pytest
import torch
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from ipadapter.mini_host import CROSS, MiniHost, adapter_state, tiny_unet
from safetensors.torch import save_file
from sd_relight.lib_ipadapter.attend.attention import Unit, build_patches
from sd_relight.lib_ipadapter.attend.keys_values import compute_keys
from sd_relight.lib_ipadapter.attend.maskgrid import MaskGrid
from sd_relight.lib_ipadapter.attend.weight_types import LayerWeight, transformer_weights
from sd_relight.lib_ipadapter.encode.adapter import load_adapter
from sd_relight.lib_ipadapter.unet_layers import LAYERS

BATCH = 2
pytestmark = pytest.mark.same_everywhere


def load_ours(tmp_path, state, name="a"):
    path = tmp_path / f"{name}.safetensors"
    save_file({f"{half}.{key}": value for half, part in state.items() for key, value in part.items()}, path)
    return load_adapter(path)


def inputs(base, chunks):
    rows = BATCH * len(chunks)
    size = (24, 16) if base == "sd15" else (16, 12)
    return torch.randn(rows, 4, *size), torch.randn(rows, 7, CROSS)


def row_embeds(cond, chunks):
    """diffusers' image_embeds for every row: cond on conditional rows, zeros on the others. cond: [N, W]."""
    per_chunk = [torch.zeros_like(cond) if chunk == 1 else cond for chunk in chunks]
    return torch.stack([embeds for embeds in per_chunk for _ in range(BATCH)])


def theirs(base, states, embeds, chunks, x, text, set_scales, masks=None):
    unet = tiny_unet(base)
    unet._load_ip_adapter_weights([dict(state) for state in states], low_cpu_mem_usage=False)
    processors = [p for p in unet.attn_processors.values() if isinstance(p, IPAdapterAttnProcessor2_0)]
    set_scales(processors)
    images = [row_embeds(cond, chunks) for cond in embeds]
    with torch.no_grad():
        return unet(x, 500, text, added_cond_kwargs={"image_embeds": images},
                    cross_attention_kwargs={"ip_adapter_masks": masks} if masks else None).sample


def tokens(adapter, embeds):
    cond = adapter.project(embeds).reshape(1, -1, CROSS)
    return cond, adapter.project(torch.zeros_like(embeds)).reshape(1, -1, CROSS)


def unit(adapter, embeds, weights, **rest):
    return Unit(compute_keys(adapter.layers, *tokens(adapter, embeds)), weights, **rest)


def ours(base, units, chunks, x, text):
    host = MiniHost(base, tiny_unet(base))
    host.table = build_patches(units, base)
    assert len(host.table) == len(LAYERS[base])
    return host(x, 500, text, chunks)


def linear(base, weight):
    return transformer_weights("linear", base, weight)


@pytest.mark.parametrize(("base", "chunks"), [("sd15", [1, 0]), ("sd15", [0, 1]), ("sd15", [0]), ("sd15", [0, 0, 1]),
                                              ("sdxl", [1, 0]), ("sdxl", [0, 0, 1])])
def test_one_adapter(tmp_path, base, chunks):
    state, embeds = adapter_state(base), torch.randn(1, 24)
    x, text = inputs(base, chunks)

    def scale(processors):
        for p in processors:
            p.scale = [0.7]

    expected = theirs(base, [state], [embeds], chunks, x, text, scale)
    got = ours(base, [unit(load_ours(tmp_path, state), embeds, linear(base, 0.7))], chunks, x, text)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
    plain = MiniHost(base, tiny_unet(base))(x, 500, text, chunks)
    assert (plain - got).abs().max() > 1e-3


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_two_adapters_with_a_scale_list_and_several_images(tmp_path, base):
    states = [adapter_state(base, 1), adapter_state(base, 2, width=40, tokens=4)]
    embeds = [torch.randn(3, 24), torch.randn(1, 40)]
    chunks = [1, 0]
    x, text = inputs(base, chunks)

    def scale(processors):
        for p in processors:
            p.scale = [0.6, -0.4]

    expected = theirs(base, states, embeds, chunks, x, text, scale)
    adapters = [load_ours(tmp_path, state, f"a{i}") for i, state in enumerate(states)]
    units = [unit(a, e, linear(base, w), identity=str(i)) for i, (a, e, w) in enumerate(zip(adapters, embeds, (0.6, -0.4)))]
    got = ours(base, units, chunks, x, text)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_a_scale_for_every_transformer(tmp_path, base):
    state, embeds, chunks = adapter_state(base), torch.randn(1, 24), [1, 0]
    x, text = inputs(base, chunks)
    by_t = {layer.t_idx: 0.1 * (layer.t_idx + 1) for layer in LAYERS[base]}

    def scale(processors):
        for p, layer in zip(processors, LAYERS[base]):
            p.scale = [by_t[layer.t_idx]]

    expected = theirs(base, [state], [embeds], chunks, x, text, scale)
    weights = {t: LayerWeight(value) for t, value in by_t.items()}
    got = ours(base, [unit(load_ours(tmp_path, state), embeds, weights)], chunks, x, text)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_masks_and_scales_for_several_images(tmp_path, base):
    """Each image with its own mask and scale. Masks are level grey: every way of resizing agrees on them (the shape of a
    mask is tested where both sides have the same grid, below)."""
    state, embeds, chunks = adapter_state(base), torch.randn(2, 24), [1, 0]
    x, text = inputs(base, chunks)
    greys, scales = (0.25, 0.9), [0.8, 0.5]
    masks = [torch.stack([torch.full(x.shape[-2:], grey) for grey in greys])[None]]

    def scale(processors):
        for p in processors:
            p.scale = [scales]

    expected = theirs(base, [state], [embeds], chunks, x, text, scale, masks)
    adapter = load_ours(tmp_path, state)
    units = [unit(adapter, embeds[i:i + 1], linear(base, scales[i]), mask=MaskGrid(masks[0][0, i:i + 1]), identity=str(i))
             for i in range(2)]
    got = ours(base, units, chunks, x, text)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(24, 16), (9, 13)])
def test_shaped_masks_on_one_layer(tmp_path, size):
    """A single layer whose grid is the mask's own: any mask, soft ones too."""
    from diffusers.models.attention_processor import Attention

    attn = Attention(query_dim=16, cross_attention_dim=CROSS, heads=4, dim_head=4).eval()
    adapter = load_ours(tmp_path, adapter_state("sd15"))
    embeds, masks = torch.randn(2, 24), torch.rand(1, 2, *size)
    rows, seq = 4, size[0] * size[1]
    x, text = torch.randn(rows, seq, 16), torch.randn(rows, 7, CROSS)
    chunks = [1, 0]
    processor = IPAdapterAttnProcessor2_0(16, CROSS, (4,), [[0.3, 1.2]])
    to_k, to_v = adapter.layers[0]
    processor.to_k_ip[0].weight.data, processor.to_v_ip[0].weight.data = to_k, to_v
    per_chunk = [adapter.project(torch.zeros_like(embeds) if c else embeds) for c in chunks]
    ip = torch.stack([t for t in per_chunk for _ in range(2)])
    attn.set_processor(processor)
    with torch.no_grad():
        expected = attn(x, (text, [ip]), ip_adapter_masks=[masks])
        units = [unit(adapter, embeds[i:i + 1], {0: LayerWeight(w)}, mask=MaskGrid(masks[0, i:i + 1]), identity=str(i))
                 for i, w in enumerate((0.3, 1.2))]
        patch = build_patches(units, "sd15")["input", 1]
        options = {"n_heads": 4, "cond_or_uncond": chunks, "original_shape": [rows, 4, *size], "sigmas": torch.ones(2)}
        got = attn.to_out[0](patch(attn.to_q(x), attn.to_k(text), attn.to_v(text), options))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_weight_zero_is_no_patch_at_all(tmp_path):
    adapter = load_ours(tmp_path, adapter_state("sd15"))
    zero = unit(adapter, torch.randn(1, 24), linear("sd15", 0.0))
    assert build_patches([zero], "sd15") == {}
