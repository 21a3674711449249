"""Weights that A1111's UNet gets while it samples: their effect, and that they are removed completely."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hosts.tiny_a1111 import Denoiser, Lora, TinyUnet, deltas, patched, run
from sd_relight.lib_relight.hosts.a1111 import A1111Host
from sd_relight.lib_relight.hosts.a1111_unet import CONV_IN, Unet, applied


def expected(model, unet, repeats):
    """The same with a first convolution that really has more channels."""
    grown = TinyUnet()
    grown.load_state_dict(model.state_dict())
    offsets = deltas(4 + unet.concat.shape[1])
    weight = F.pad(model.input_blocks[0][0].weight, (0, 0, 0, 0, 0, unet.concat.shape[1])) + offsets.pop(CONV_IN)
    conv = grown.input_blocks[0][0]
    with torch.no_grad():
        for key, delta in offsets.items():
            grown.get_parameter(key).add_(delta.float())
    images = [image for image, count in enumerate(repeats) for _ in range(count)] + list(range(len(repeats)))
    conv.forward = lambda x: F.conv2d(torch.cat([x, unet.concat[images]], 1), weight, conv.bias, padding=1)
    return run(grown, repeats=repeats)


@pytest.mark.parametrize("channels", [8, 12])
@pytest.mark.parametrize("repeats", [(1, 1), (2, 1), (3,)])
def test_weights_and_condition_are_those_of_a_wider_unet(model, channels, repeats):
    unet = patched(model, channels, len(repeats))
    torch.testing.assert_close(run(model, unet, repeats), expected(model, unet, repeats), rtol=1e-5, atol=1e-5)


def test_slices_are_the_same_rows(model):
    unet = patched(model)
    torch.testing.assert_close(run(model, unet, slices=2), run(model, unet))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_nothing_is_left_even_after_a_failure(model, dtype):
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    parameters = list(model.parameters())
    with pytest.raises(KeyError), applied(patched(model), Denoiser(model), None, Lora()):
        assert not torch.equal(model.state_dict()[CONV_IN].float(), before[CONV_IN].float())
        raise KeyError
    assert all(torch.equal(value.float(), before[key].float()) for key, value in model.state_dict().items())
    assert all(now is then for now, then in zip(model.parameters(), parameters))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_weights_that_moved_meanwhile_come_back_where_they_are(model):
    key = "input_blocks.1.0.transformer_blocks.0.attn2.to_q.weight"
    before = model.get_parameter(key).detach().clone()
    with applied(patched(model), Denoiser(model), None, Lora()):
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()
    assert torch.equal(model.get_parameter(key), before)


def test_the_host_finishes_each_layer_first(model):
    """LoRAs that are merged late would else take our weights for the checkpoint's."""
    def settle(layer):
        settled.append(layer)
        layer.weight.data += 1

    settled = []
    before = run(model)
    run(model, patched(model), lora=Lora(settle))
    assert settled == [model.input_blocks[0][0], model.input_blocks[1][0].transformer_blocks[0].attn2.to_q]
    for layer in settled:
        layer.weight.data -= 1
    torch.testing.assert_close(run(model), before)


def test_a_lora_that_changes_between_two_steps_is_followed(model):
    """The host puts its own weights back then, without ours; afterwards the layer is what the host made of it last."""
    lora, conv = Lora(), model.input_blocks[0][0]
    clean = conv.weight.detach().clone()

    def settle(layer):
        if layer is conv:
            conv.weight.data.copy_(clean + lora.strength)

    lora.settle = settle
    unet = patched(model)
    offset = deltas()[CONV_IN][:, :4]
    x, arguments = torch.zeros(1, 4, 5, 6), {"cond": SimpleNamespace(batch=[[None]]), "uncond": None}
    denoiser = Denoiser(model)
    unet.concat = unet.concat[:1]
    with applied(unet, denoiser, lambda level: level, lora):
        for lora.strength in (0.0, 0.5, 0.5, 0.25):
            denoiser(x, torch.ones(1), **arguments)
            torch.testing.assert_close(conv.weight.data, clean + lora.strength + offset)
    assert torch.equal(conv.weight.data, clean + 0.25)


def test_eight_bit_weights_sample_in_sixteen(model):
    """A change smaller than their rounding is there while sampling, and they are eight bits again afterwards."""
    key = "input_blocks.1.0.transformer_blocks.0.attn2.to_q.weight"
    parameter = model.get_parameter(key)
    parameter.data = torch.ones_like(parameter).to(torch.float8_e4m3fn)
    unet = Unet(model)
    unet.add(key, torch.full((8, 8), 0.01))
    with applied(unet, Denoiser(model), None, Lora()):
        assert parameter.dtype == torch.bfloat16
        torch.testing.assert_close(parameter.data.float(), torch.full((8, 8), 1.01), atol=4e-3, rtol=0)
    assert parameter.dtype == torch.float8_e4m3fn and (parameter.data.float() == 1).all()


def test_lora_is_added_once_and_taken_out(model):
    key = "input_blocks.1.0.transformer_blocks.0.attn2.to_k.weight"
    before = model.get_parameter(key).detach().clone()
    unet = Unet(model)
    up, down = torch.randn(8, 2), torch.randn(2, 6)
    parts = [SimpleNamespace(weight_key=name, up=up, down=wide) for name, wide in
             ((key, down), ("input_blocks.9.to_k.weight", down), (key, torch.randn(2, 7)))]
    assert A1111Host().add_lora(unet, parts, 0.5, "name") == 1, "what the UNet lacks, or has in another shape, is not counted"
    with applied(unet, Denoiser(model), None, Lora()):
        torch.testing.assert_close(model.get_parameter(key).data, before + 0.5 * up @ down)
    assert torch.equal(model.get_parameter(key), before)
