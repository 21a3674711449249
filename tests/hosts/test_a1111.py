"""A1111 patches on a small UNet: their effect, and that they are removed completely."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.a1111 import A1111Host
from sd_relight.lib_relight.hosts.a1111_unet import CONV_IN, Rows, Unet, applied, attention_layer
from torch import nn


class Attention(nn.Module):
    heads = 2

    def __init__(self):
        super().__init__()
        self.to_q, self.to_k = nn.Linear(8, 8, bias=False), nn.Linear(6, 8, bias=False)
        self.to_out = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.0))

    def forward(self, x, context=None):
        return self.to_out(self.to_q(x) + self.to_k(context).mean(1, keepdim=True))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        block = nn.Module()
        block.attn2 = Attention()
        self.transformer_blocks = nn.ModuleList([block])

    def forward(self, x, context):
        tokens = x.flatten(2).transpose(1, 2)
        tokens = self.transformer_blocks[0].attn2(tokens, context=context)
        return tokens.transpose(1, 2).reshape(x.shape)


class TinyUnet(nn.Module):
    in_channels = 4

    def __init__(self):
        super().__init__()
        self.input_blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 8, 3, padding=1)), nn.ModuleList([Transformer()])])

    def forward(self, x, timesteps, context=None):
        return self.input_blocks[1][0](self.input_blocks[0](x), context)


class Denoiser(nn.Module):
    """Calls the UNet as A1111's CFGDenoiser does: prompts first, negative prompts after, at once or in slices."""

    def __init__(self, unet, slices=1):
        super().__init__()
        self.unet, self.slices = unet, slices

    def forward(self, x, sigma, uncond, cond):
        repeats = [len(parts) for parts in cond.batch]
        rows = torch.cat([*(image[None] for image, count in zip(x, repeats) for _ in range(count)), x])
        context = torch.ones(len(rows), 3, 6)
        pairs = zip(rows.chunk(self.slices), context.chunk(self.slices))
        return torch.cat([self.unet(part, sigma[0], context=text) for part, text in pairs])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyUnet()


class Lora:
    """What the host's LoRAs are asked; by default there are none."""

    def __init__(self, settle=lambda layer: None):
        self.settle, self.strength = settle, 0.0

    def state(self):
        return self.strength


def run(model, unet=None, repeats=(1, 1), slices=1, lora=None):
    x = torch.randn(len(repeats), 4, 5, 6, generator=torch.Generator().manual_seed(1))
    denoiser = Denoiser(model, slices)
    cond = SimpleNamespace(batch=[[None] * count for count in repeats])
    arguments = {"uncond": None, "cond": cond}
    if unet is None:
        with torch.no_grad():
            return denoiser(x, torch.ones(len(x)), **arguments)
    with applied(unet, denoiser, lambda level: level, lora or Lora()):
        return denoiser(x, torch.ones(len(x)), **arguments)


def deltas(channels=8):
    generator = torch.Generator().manual_seed(2)
    return {CONV_IN: torch.randn(8, channels, 3, 3, generator=generator),
            "input_blocks.1.0.transformer_blocks.0.attn2.to_q.weight": torch.randn(8, 8, generator=generator).half()}


def patched(model, channels=8, batch=2):
    unet = Unet(model)
    assert A1111Host().add_weight_deltas(unet, deltas(channels), "name") == 2
    unet.concat = torch.randn(batch, channels - 4, 5, 6, generator=torch.Generator().manual_seed(3))
    return unet


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


@pytest.mark.parametrize("cut", [lambda x: x[..., :4], lambda x: torch.cat([x, x])], ids=["tiles", "more rows"])
def test_what_another_extension_cuts_up_stops_the_job(model, cut):
    unet = patched(model)
    denoiser = Denoiser(model)
    denoiser.forward = lambda x, sigma, uncond, cond: model(cut(torch.cat([x, x])), sigma, context=torch.ones(4, 3, 6))
    with pytest.raises(RelightError, match="another extension samples in tiles or regions, .*: switch it off."), \
            applied(unet, denoiser, lambda level: level, Lora()):
        denoiser(torch.zeros(2, 4, 5, 6), torch.ones(2), uncond=None, cond=SimpleNamespace(batch=[[None], [None]]))


def test_image_part_enters_before_the_projection(model):
    seen = []

    def image_part(q, options):
        seen.append(options)
        return torch.full_like(q, 0.5)

    unet = Unet(model)
    A1111Host().set_cross_attention(unet, ("input", 1), SimpleNamespace(image_part=image_part))
    layer = model.input_blocks[1][0].transformer_blocks[0].attn2
    plain = run(model)
    expected = plain + F.linear(torch.full((8,), 0.5), layer.to_out[0].weight).view(1, 8, 1, 1)
    torch.testing.assert_close(run(model, unet), expected)
    assert seen[0]["cond_or_uncond"] == [0, 1]
    assert (seen[0]["n_heads"], seen[0]["block"], tuple(seen[0]["original_shape"])) == (2, ("input", 1), (4, 4, 5, 6))
    assert seen[0]["sigmas"].shape == (2,)


@pytest.mark.parametrize("repeats, sides", [((1, 1), [0, 1]), ((2,), [0, 0, 1]), ((2, 1), [0, 0, 0, 1, 1])])
def test_sides_by_chunk_or_by_row(repeats, sides):
    rows = Rows(lambda level: level)
    rows.start_step(None, (None, torch.ones(1)), {"cond": SimpleNamespace(batch=[[None] * count for count in repeats])})
    rows.start_call(None, (torch.zeros(sum(repeats) + len(repeats), 4, 1, 1),), {})
    assert rows.cond_or_uncond() == sides


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


def test_clone_is_a_job_of_its_own(model):
    unet = patched(model)
    clone = unet.clone()
    clone.add("key", torch.zeros(1))
    clone.add(CONV_IN, torch.zeros(1))
    clone.model_options["mark"] = clone.attention["slot"] = True
    assert (len(unet.deltas), len(unet.deltas[CONV_IN]), unet.model_options, unet.attention) == (2, 1, {}, {})


def test_commit_is_for_one_run_however_often_it_is_asked(model, monkeypatch):
    monkeypatch.setattr("sd_relight.lib_relight.hosts.a1111.check_reachable", lambda: None)
    monkeypatch.setattr("sd_relight.lib_relight.hosts.a1111.Lora", Lora())
    weights = []
    before = model.get_parameter(CONV_IN).detach().clone()

    def sample(p, x, steps=None):
        weights.append(torch.equal(model.get_parameter(CONV_IN), before))

    p = SimpleNamespace(sampler=SimpleNamespace(sample=sample, sample_img2img=sample, model_wrap_cfg=Denoiser(model)))
    host = A1111Host()
    host.commit(p, patched(model))
    host.commit(p, patched(model))
    assert p.sampler.sample_img2img.__wrapped__ is sample, "wrapped once, and marks of others are kept"
    p.sampler.sample_img2img(p, None, steps=3)
    p.sampler.sample_img2img(p, None, steps=3)
    assert weights == [False, True]


def test_start_noise_is_written_where_the_host_reads_it():
    alphas = torch.linspace(0.999, 0.005, 1000)
    sampler = SimpleNamespace(get_timesteps=lambda p, steps: torch.tensor([1, 501]))
    p = SimpleNamespace(sampler=sampler, steps=2, sd_model=SimpleNamespace(alphas_cumprod=alphas))
    host, noise, latent = A1111Host(), torch.ones(1, 4, 2, 2), torch.full((1, 4, 2, 2), 3.0)
    opts = SimpleNamespace(opts=SimpleNamespace(sgm_noise_multiplier=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "modules.shared", opts)
        host.set_start_latent(p, noise, latent)
    torch.testing.assert_close(noise, torch.full_like(noise, float((1 - alphas[501]) ** 0.5 + 3 * alphas[501] ** 0.5)))


def test_sigma_of_a_share_of_the_training():
    p = SimpleNamespace(sd_model=SimpleNamespace(alphas_cumprod=torch.linspace(0.999, 0.005, 1000)))
    table = A1111Host().sigma_table(p)
    sigma_of = A1111Host().sigma_of
    assert (sigma_of(p, 0), sigma_of(p, 1)) == (999999999.9, 0.0)
    assert float(table[499]) < sigma_of(p, 0.5) < float(table[500])


def test_layers_by_slot(model):
    assert attention_layer(model, ("input", 1)) is attention_layer(model, ("input", 1, 0))
