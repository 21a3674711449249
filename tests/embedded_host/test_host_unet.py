"""The UNet under LDM names: the numbers are diffusers', the places of patches are Forge's."""

import pytest
import torch
from embedded_host.conftest import MIDDLE
from sd_relight.lib_iclight.keymap import unet_key_map


@pytest.fixture
def unet(host):
    return host.model.forge_objects_original.unet.model.diffusion_model


@pytest.fixture
def inputs():
    return torch.randn(2, 4, 8, 16), torch.tensor([999.0, 3.0]), torch.randn(2, 77, 64)


def run(unet, inputs, **options):
    with torch.no_grad():
        x, timesteps, context = inputs
        return unet(x, timesteps, context=context, transformer_options=options)


def test_forward_is_bit_equal_to_diffusers(unet, inputs):
    with torch.no_grad():
        expected = unet.network(*inputs, return_dict=False)[0]
    assert torch.equal(run(unet, inputs), expected)


@pytest.mark.parametrize("size", [(9, 11), (10, 14)])
def test_odd_latent_sizes(unet, size):
    inputs = torch.randn(1, 4, *size), torch.tensor([500.0]), torch.randn(1, 77, 64)
    with torch.no_grad():
        expected = unet.network(*inputs, return_dict=False)[0]
    assert torch.equal(run(unet, inputs), expected)


def test_parameters_carry_ldm_names(host, unet):
    ours = unet_key_map()
    expected = {"diffusion_model." + ours[key] for key in unet.network.state_dict()}
    model = host.model.forge_objects_original.unet.model
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()} == expected
    assert model.diffusion_model.input_blocks[1][1].transformer_blocks[0].attn2.to_k.in_features == 64
    assert len(unet.input_blocks) == 12 and len(unet.output_blocks) == 12 and len(unet.middle_block) == 3
    assert unet.in_channels == 4 and unet.config["model_channels"] == 32


def test_identity_attn2_replacement_changes_little(unet, inputs):
    """The replaced path computes softmax(qk)v itself: same formula, other kernel."""
    seen = []

    def attention(q, k, v, extra):
        seen.append((extra["block"], extra["block_index"], extra["transformer_index"], q.shape, k.shape))
        split = lambda x: x.view(x.shape[0], x.shape[1], extra["n_heads"], extra["dim_head"]).transpose(1, 2)  # noqa: E731
        out = torch.nn.functional.scaled_dot_product_attention(split(q), split(k), split(v))
        return out.transpose(1, 2).reshape(q.shape)

    blocks = [("input", n) for n in (1, 2, 4, 5, 7, 8)] + [("middle", 0)] + [("output", n) for n in range(3, 12)]
    out = run(unet, inputs, patches_replace={"attn2": dict.fromkeys(blocks, attention)})
    torch.testing.assert_close(out, run(unet, inputs), atol=1e-6, rtol=0)
    assert [block for block, *_ in seen] == blocks
    assert [entry[2] for entry in seen] == list(range(16))
    assert seen[0][3:] == ((2, 128, 32), (2, 77, 32))


def test_replacement_by_transformer_index_wins(unet, inputs):
    used = []

    def named(name):
        def attention(q, k, v, extra):
            used.append(name)
            return q
        return attention

    run(unet, inputs, patches_replace={"attn2": {("input", 1): named("block"), ("input", 1, 0): named("index")}})
    assert used == ["index"]


def test_block_patches_see_ldm_blocks(unet, inputs):
    seen = []

    def output_patch(h, skip, options):
        seen.append((options["block"], h.shape[1], skip.shape[1]))
        return h, skip

    def input_patch(h, options):
        seen.append((options["block"], h.shape[1]))
        return h

    out = run(unet, inputs, patches={"output_block_patch": [output_patch], "input_block_patch": [input_patch]})
    assert torch.equal(out, run(unet, inputs))
    assert seen[:4] == [(("input", 0), 32), (("input", 1), 32), (("input", 2), 32), (("input", 3), 32)]
    assert seen[12] == (("output", 0), MIDDLE, MIDDLE) and seen[-1] == (("output", 11), 32, 32)
    assert len(seen) == 24


def test_output_block_patch_changes_the_result_and_leaves_no_trace(unet, inputs):
    plain = run(unet, inputs)
    changed = run(unet, inputs, patches={"output_block_patch": [lambda h, skip, options: (h * 1.2, skip * 0.9)]})
    assert (changed - plain).abs().max() > 1e-3
    assert torch.equal(run(unet, inputs), plain)


def test_attention_patches(unet, inputs):
    zero = run(unet, inputs, patches={"attn2_output_patch": [lambda n, extra: n * 0]})
    also_zero = run(unet, inputs, patches_replace={"attn2": {}}, patches={
        "attn2_patch": [lambda n, context, value, extra: (n, context, value * 0)],
        "attn2_output_patch": [lambda n, extra: n - n[:, :1]]})
    torch.testing.assert_close(zero, also_zero, atol=1e-5, rtol=0)
    assert not torch.equal(zero, run(unet, inputs))


def test_control_is_added_and_consumed(unet, inputs):
    shapes = []
    run(unet, inputs, patches={"input_block_patch": [lambda h, options: shapes.append(h.shape) or h]})
    zeros = {"input": [], "middle": [torch.zeros(2, MIDDLE, 1, 2)], "output": [torch.zeros(shape) for shape in shapes]}
    x, timesteps, context = inputs
    with torch.no_grad():
        out = unet(x, timesteps, context=context, control=zeros, transformer_options={})
        assert torch.equal(out, run(unet, inputs)) and zeros["output"] == []
        ones = {"middle": [torch.ones(2, MIDDLE, 1, 2)]}
        assert not torch.equal(unet(x, timesteps, context=context, control=ones, transformer_options={}), out)
