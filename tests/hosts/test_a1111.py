"""A1111 on a small UNet: image prompts, rows of the batch, copies, one run at a time, start noise, slots."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hosts.tiny_a1111 import Denoiser, Lora, patched, run
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts.a1111 import A1111Host
from sd_relight.lib_relight.hosts.a1111_unet import CONV_IN, Rows, Unet, applied, attention_layer


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
