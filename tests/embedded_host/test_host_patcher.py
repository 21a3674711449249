"""Patches are merged once, known by name, and taken out bit for bit."""

import torch
from embedded_host.conftest import MIDDLE, same_weights

KEY = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_q.weight"
CONV = "diffusion_model.input_blocks.0.0.weight"


def patcher(host):
    return host.model.forge_objects_original.unet


def parameter(unet, key):
    return unet.model.state_dict()[key]


def test_merge_and_unmerge_are_exact(host, weights):
    unet = patcher(host).clone()
    diff = torch.randn_like(weights[KEY])
    assert unet.add_patches(filename="a", patches={KEY: ("diff", (diff,)), "nobody": ("diff", (diff,))}) == {KEY}
    unet.refresh_loras()
    assert torch.equal(parameter(unet, KEY), weights[KEY] + diff)
    patcher(host).refresh_loras()
    assert same_weights(unet.model, weights)


def test_the_same_set_is_merged_once(host):
    unet = patcher(host).clone()
    unet.add_patches(filename="once", patches={KEY: ("diff", (torch.ones(MIDDLE, MIDDLE),))}, strength_patch=0.5)
    unet.refresh_loras()
    merged = host.merged_tensors
    other = patcher(host).clone()
    other.add_patches(filename="once", patches={KEY: ("diff", (torch.zeros(MIDDLE, MIDDLE),))}, strength_patch=0.5)
    other.refresh_loras()
    assert host.merged_tensors == merged, "known by (filename, strengths), not by content, as in Forge"
    other.add_patches(filename="once", patches={KEY: ("diff", (torch.zeros(MIDDLE, MIDDLE),))}, strength_patch=0.6)
    other.refresh_loras()
    assert host.merged_tensors == merged + 1, "one tensor, whatever the number of its patches"
    patcher(host).refresh_loras()


def test_first_convolution_grows_with_zeros(host, weights):
    unet, diff = patcher(host).clone(), torch.randn(32, 8, 3, 3)
    unet.add_patches(filename="wide", patches={CONV: ("diff", (diff, {"pad_weight": True}))}, strength_patch=0.5)
    unet.refresh_loras()
    grown = parameter(unet, CONV)
    assert torch.equal(grown[:, :4], weights[CONV] + 0.5 * diff[:, :4]) and torch.equal(grown[:, 4:], 0.5 * diff[:, 4:])
    assert unet.model.diffusion_model.in_channels == 4
    x, sigma, context = torch.randn(1, 4, 8, 8), torch.tensor([2.0]), torch.randn(1, 77, 64)
    with torch.no_grad():
        assert unet.model.apply_model(x, sigma, c_concat=torch.randn(1, 4, 8, 8), c_crossattn=context).shape == x.shape
    patcher(host).refresh_loras()
    assert same_weights(unet.model, weights)


def test_lora_patch_is_scaled_product(host, weights):
    unet = patcher(host).clone()
    up, down = torch.randn(MIDDLE, 2), torch.randn(2, MIDDLE)
    unet.add_patches(filename="lora", patches={KEY: ("lora", (up, down, 1.0, None, None))}, strength_patch=0.8)
    unet.refresh_loras()
    torch.testing.assert_close(parameter(unet, KEY), weights[KEY] + 0.8 * 0.5 * up @ down, atol=1e-6, rtol=0)
    patcher(host).refresh_loras()


def test_two_sets_add_up(host, weights):
    unet = patcher(host).clone()
    unet.add_patches(filename="a", patches={KEY: ("diff", (torch.ones(MIDDLE, MIDDLE),))})
    unet.add_patches(filename="b", patches={KEY: ("diff", (torch.ones(MIDDLE, MIDDLE),))}, strength_patch=2.0)
    unet.refresh_loras()
    assert torch.equal(parameter(unet, KEY), weights[KEY] + 1 + 2)
    patcher(host).refresh_loras()


def test_a_failed_merge_is_undone_by_the_next(host, weights):
    unet = patcher(host).clone()
    unet.add_patches(filename="bad", patches={CONV: ("diff", (torch.ones(32, 4, 3, 3),)), KEY: ("lora", (1, 2, 3, 4))})
    try:
        unet.refresh_loras()
    except Exception:
        pass
    patcher(host).refresh_loras()
    assert same_weights(unet.model, weights)


def test_clone_semantics(host):
    class Held:
        tensor = torch.ones(1)

    def wrapper(apply_model, args):
        return apply_model(args["input"], args["timestep"], **args["c"])

    unet, held = patcher(host).clone(), Held()
    unet.set_model_unet_function_wrapper(wrapper)
    unet.set_model_attn2_replace(wrapper, "input", 1)
    unet.model_options["held"] = held
    unet.extra_concat_condition = torch.ones(1)
    copy = unet.clone()
    assert copy.model is unet.model
    assert copy.model_options["model_function_wrapper"] is wrapper
    assert copy.model_options["held"] is not held, "objects are deep-copied, functions keep their identity"
    assert copy.extra_concat_condition is unet.extra_concat_condition
    copy.set_model_attn2_replace(print, "input", 2)
    copy.add_patches(filename="x", patches={KEY: ("diff", (torch.ones(MIDDLE, MIDDLE),))})
    assert ("input", 2) not in unet.model_options["transformer_options"]["patches_replace"]["attn2"]
    assert unet.patch_sets == {} and "model_function_wrapper" not in patcher(host).model_options


def test_vae_regulation_gives_the_mode(host):
    vae = host.model.forge_objects_original.vae
    pixels = torch.rand(1, 32, 48, 3)
    mode = vae.clone()
    mode.patcher.set_model_vae_regulation(lambda posterior: posterior.mode())
    first, second = mode.encode(pixels), mode.encode(pixels)
    assert torch.equal(first, second) and first.shape == (1, 4, 4, 6)
    assert not torch.equal(vae.encode(pixels), vae.encode(pixels)), "without it the posterior is sampled"
    stage = vae.first_stage_model
    with torch.no_grad():
        moments = stage.quant_conv(stage.encoder(2 * pixels.movedim(-1, 1) - 1))
    torch.testing.assert_close(first, moments[:, :4], atol=2e-5, rtol=0)  # another memory layout, another convolution kernel
    config = host.model.model.config
    assert config.latent_format.scale_factor == 0.18215
    assert torch.equal(stage.process_in(first), config.latent_format.process_in(first))
    assert vae.decode(first).shape == pixels.shape
