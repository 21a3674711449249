"""Hires fix: sizes, upscalers, prompts and guidance of the second pass."""

import pytest
import torch
from embedded_host.conftest import SMALL, pixels


@pytest.mark.parametrize(("given", "target", "truncated", "size"), [
    ({"hr_scale": 1.2}, (76, 76), (0, 0), (72, 72)),
    ({"hr_scale": 2.0}, (128, 128), (0, 0), (128, 128)),
    ({"width": 96, "hr_resize_x": 144}, (144, 96), (0, 0), (144, 96)),
    ({"width": 96, "hr_resize_y": 96}, (144, 96), (0, 0), (144, 96)),
    ({"hr_resize_x": 128, "hr_resize_y": 96}, (128, 128), (0, 4), (128, 96)),
    ({"width": 96, "hr_resize_x": 96, "hr_resize_y": 96}, (144, 96), (6, 0), (96, 96)),
    ({"width": 96, "hr_resize_x": 104, "hr_resize_y": 96}, (144, 96), (5, 0), (104, 96)),
])
@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_sizes(host, probe, given, target, truncated, size, upscaler):
    """Forge's integer arithmetic: 64 x 1.2 = 76 pixels are 9 latent pixels are 72 pixels."""
    kept = []
    probe.actions["before_hr"] = lambda p, *args: kept.append(p)
    result = host.txt2img(SMALL, enable_hr=True, hr_upscaler=upscaler, steps=1, **given)
    p = kept[0]
    assert p.hr_size == (*target, *truncated)
    assert result.images[0].size == size


@pytest.fixture
def passes(host, probe):
    """(x, noise) of the first pass and of the hires pass's second call."""

    def run(**fields):
        seen = []
        probe.actions["process_before_every_sampling"] = lambda p, *args, x, noise, **kwargs: seen.append((x, noise, p))
        result = host.txt2img({**SMALL, "enable_hr": True, **fields})
        return seen[0], seen[2], result

    return run


def test_latent_upscaling_is_bilinear(passes, latents):
    first = latents()
    _, (x, noise, _), _ = passes(hr_upscaler="Latent", hr_scale=2)
    torch.testing.assert_close(x, torch.nn.functional.interpolate(first, size=(16, 16), mode="bilinear"))
    assert torch.equal(noise[0], torch.randn(4, 16, 16, generator=torch.Generator("cpu").manual_seed(5)))


def test_truncation_takes_the_middle(passes):
    _, (whole, _, _), _ = passes(width=96, hr_resize_y=96)
    _, (cut, _, _), _ = passes(width=96, hr_resize_x=104, hr_resize_y=96)
    assert torch.equal(cut, whole[:, :, :, 2:-3])


def test_image_upscalers_go_through_the_vae(host, passes):
    (_, _, _), (x, _, _), result = passes(hr_upscaler="Lanczos", hr_scale=1.5)
    assert x.shape == (1, 4, 12, 12) and "Hires upscaler: Lanczos" in result.info
    with pytest.raises(Exception, match="could not find upscaler named Magic"):
        host.txt2img(SMALL, enable_hr=True, hr_upscaler="Magic")


def test_second_pass_has_its_own_steps_prompt_and_guidance(host, probe):
    from modules import script_callbacks

    runs = []

    def look(params):
        p = params.denoiser.p
        runs.append((p.is_hr_pass, params.total_sampling_steps, params.text_uncond is None))

    script_callbacks.on_cfg_denoiser(look)
    try:
        result = host.txt2img(SMALL, enable_hr=True, hr_scale=1.5, hr_second_pass_steps=3, hr_prompt="a blue ball",
                              hr_sampler_name="DDIM", denoising_strength=0.5, hr_cfg=1.0)
    finally:
        script_callbacks.remove_callbacks_for_function(look)
    assert runs[:2] == [(False, 2, False)] * 2 and set(runs[2:]) == {(True, 3, True)}
    for part in ("Hires sampler: DDIM", "Hires prompt: a blue ball", "Hires steps: 3", "Hires upscale: 1.5",
                 "Hires CFG Scale: 1.0", "Denoising strength: 0.5"):
        assert part in result.info


@pytest.mark.parametrize("strength", [0.0, 1e-5])
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_a_second_pass_of_no_or_hardly_any_strength_only_upscales(host, sampler, strength):
    size = {"enable_hr": True, "hr_scale": 2.0, "hr_upscaler": "Lanczos", "steps": 1, "hr_second_pass_steps": 1}
    assert host.txt2img({**SMALL, **size}, sampler_name=sampler, denoising_strength=strength).images[0].size == (128, 128)


def test_second_pass_takes_the_first_ones_guidance(host):
    fields = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Lanczos"}
    default, same, other = (host.txt2img(SMALL, **fields, **more) for more in ({}, {"hr_cfg": 3.0}, {"hr_cfg": 1.0}))
    assert (pixels(default.images[0]) == pixels(same.images[0])).all()
    assert (pixels(default.images[0]) != pixels(other.images[0])).any()
    assert "Hires CFG Scale: 3.0" in default.info


def test_hires_pass_is_reproducible_and_a_batch_equals_singles(host):
    fields = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Lanczos"}
    both = host.txt2img(SMALL, batch_size=2, **fields).images
    singles = [host.txt2img(SMALL, seed=seed, **fields).images[0] for seed in (5, 6)]
    assert all(abs(pixels(a) - pixels(b)).max() <= 2 for a, b in zip(both, singles))


def test_finished_image_as_first_pass(host, photo):
    result = host.txt2img(SMALL, enable_hr=True, hr_scale=1.5, firstpass_image=photo.resize((64, 64)))
    assert result.images[0].size == (96, 96)


def test_progress_counts_both_passes(host):
    from modules import script_callbacks
    from modules.shared import state

    seen = []

    def look(params):
        seen.append((state.job_no, state.job_count))

    script_callbacks.on_cfg_denoiser(look)
    try:
        host.txt2img(SMALL, enable_hr=True, hr_scale=1.5, steps=1)
    finally:
        script_callbacks.remove_callbacks_for_function(look)
    assert seen == [(0, 2), (1, 2)]
