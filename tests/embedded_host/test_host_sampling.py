"""Sampling against diffusers' pipeline and against formulas written out here; seeds, schedules, interruption, progress."""

import pytest
import torch
from embedded_host.conftest import DEMO, SMALL, pixels

SAMPLERS = ["Euler", "Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DDIM"]


def noise(seed, shape=(4, 8, 8)):
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def test_euler_equals_the_diffusers_pipeline(host, latents):
    """4 steps fall on whole model steps 999, 666, 333, 0, where both interpolations of sigma agree."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    ours = latents(steps=4, negative_prompt="dark")
    objects = host.model.forge_objects_original
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012,
                                       timestep_spacing="linspace")
    from diffusers import AutoencoderKL
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(DEMO / "vae"), text_encoder=objects.clip.cond_stage_model.transformer,
        tokenizer=objects.clip.tokenizer.clip_l, unet=objects.unet.model.diffusion_model.network, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(SMALL["prompt"], negative_prompt="dark", height=64, width=64, num_inference_steps=4, guidance_scale=3.0,
                    latents=noise(5)[None], output_type="latent").images
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def denoiser(host, scale=3.0):
    """sigma-space denoiser with guidance, written without the host's sampling code."""
    model = host.model.model
    cond, uncond = (host.model.get_learned_conditioning([text]) for text in (SMALL["prompt"], ""))

    def denoise(x, sigma):
        sigma = torch.tensor([float(sigma)])
        with torch.no_grad():
            a, b = (model.apply_model(x, sigma, c_crossattn=c) for c in (uncond, cond))
        return a + scale * (b - a)

    return denoise


def karras(n, low, high, rho=7.0):
    ramp = torch.linspace(0.0, 1.0, steps=n)
    return torch.cat([(high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho, torch.zeros(1)])


def test_dpm_2m_follows_the_paper_on_karras_sigmas(host, latents):
    sigmas = host.model.model.predictor.sigmas
    s, denoise = karras(4, sigmas[0].item(), sigmas[-1].item()), denoiser(host)
    x, old = noise(5)[None] * s[0], None
    for i in range(4):
        d = denoise(x, s[i])
        if s[i + 1] == 0:
            x = d
            break
        h = (s[i] / s[i + 1]).log()
        mixed = d if old is None else d + (d - old) / (2 * ((s[i - 1] / s[i]).log() / h))
        x, old = s[i + 1] / s[i] * x - (-h).expm1() * mixed, d
    torch.testing.assert_close(latents(steps=4, sampler_name="DPM++ 2M"), x, atol=2e-4, rtol=0)


def test_euler_ancestral_adds_the_seeds_own_noise(host, latents):
    sigmas = host.model.model.predictor.sigma(torch.linspace(999, 0, 3))
    s, denoise = torch.cat([sigmas, torch.zeros(1)]), denoiser(host)
    generator = torch.Generator("cpu").manual_seed(5)
    x = torch.randn(4, 8, 8, generator=generator)[None] * s[0]
    for i in range(3):
        up = (s[i + 1] ** 2 * (s[i] ** 2 - s[i + 1] ** 2) / s[i] ** 2).sqrt()
        down = (s[i + 1] ** 2 - up ** 2).sqrt()
        x = x + (x - denoise(x, s[i])) / s[i] * (down - s[i])
        x = x + torch.randn(4, 8, 8, generator=generator)[None] * up
    torch.testing.assert_close(latents(steps=3, sampler_name="Euler a"), x, atol=2e-4, rtol=0)


def test_ddim_walks_from_the_second_highest_group(host, latents):
    """4 steps: model steps 1, 251, 501, 751; three calls, from 751 down to 1, as A1111."""
    alphas, denoise = host.model.model.predictor.alphas_cumprod, denoiser(host)
    x = noise(5)[None]
    for t, following in ((751, 501), (501, 251), (251, 1)):
        sigma = ((1 - alphas[t]) / alphas[t]).sqrt()
        d = denoise(x * (1 + sigma ** 2).sqrt(), sigma)
        eps = (x - alphas[t].sqrt() * d) / (1 - alphas[t]).sqrt()
        x = alphas[following].sqrt() * d + (1 - alphas[following]).sqrt() * eps
    torch.testing.assert_close(latents(steps=4, sampler_name="DDIM"), x, atol=2e-4, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_equals_single_jobs(latents, sampler):
    batch = latents(batch_size=2, steps=3, sampler_name=sampler)
    singles = [latents(seed=seed, steps=3, sampler_name=sampler) for seed in (5, 6)]
    torch.testing.assert_close(batch, torch.cat(singles), atol=1e-3, rtol=0)  # a wider batch, another kernel


def test_count_two_equals_batch_two(latents):
    first, second = latents(n_iter=2)
    torch.testing.assert_close(torch.cat([first, second]), latents(batch_size=2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_job_gives_the_same_bits(latents, photo, sampler):
    fields = {"sampler_name": sampler, "steps": 3}
    assert torch.equal(latents(**fields), latents(**fields))
    fields.update(kind="img2img", init_images=[photo], mask=photo.convert("L"))
    assert torch.equal(latents(**fields), latents(**fields))


@pytest.mark.parametrize(("strength", "steps", "fix", "expected"), [
    (0.75, None, False, (20, 15)), (0.0, None, False, (20, 0)), (1.0, None, False, (20, 19)),
    (0.5, None, True, (40, 19)), (0.5, 10, False, (20, 9)), (1.0, 10, False, (10, 9)), (0.0, 10, False, (0, 9)),
])
def test_img2img_steps(host, monkeypatch, strength, steps, fix, expected):
    from modules import sd_samplers_common
    from modules.shared import opts

    monkeypatch.setitem(opts.data, "img2img_fix_steps", fix)
    p = type("P", (), {"denoising_strength": strength, "steps": 20})
    assert sd_samplers_common.setup_img2img_steps(p, steps) == expected


def test_schedules(host):
    from modules import sd_samplers

    sampler = sd_samplers.create_sampler("Euler", host.model)
    p = type("P", (), {"is_hr_pass": False, "scheduler": "Automatic", "sampler_noise_scheduler_override": None,
                       "extra_generation_params": {}})
    levels = host.model.model.predictor.sigmas
    assert sampler.get_sigmas(p, 3).tolist() == pytest.approx([14.6146, levels[[499, 500]].log().mean().exp().item(), 0.029167, 0], rel=1e-4)
    p.scheduler = "Exponential"
    assert sampler.get_sigmas(p, 3).tolist() == pytest.approx([14.6146, (14.6146 * 0.029168) ** 0.5, 0.029168, 0], rel=1e-3)
    assert p.extra_generation_params == {"Schedule type": "Exponential"}
    p.scheduler = "Karras"
    assert sampler.get_sigmas(p, 10)[1].item() == pytest.approx((8 / 9 * 14.614640 ** (1 / 7) + 1 / 9 * 0.029167 ** (1 / 7)) ** 7, rel=1e-4)


def test_names_of_samplers(host):
    from modules import sd_samplers

    assert sd_samplers.get_sampler_and_scheduler("DPM++ 2M Karras", None) == ("DPM++ 2M", "Automatic")
    assert sd_samplers.get_sampler_and_scheduler("Euler Karras", None) == ("Euler", "Karras")
    assert sd_samplers.get_sampler_and_scheduler("k_euler_a", "Exponential") == ("Euler a", "Exponential")
    assert sd_samplers.get_sampler_and_scheduler("nobody", None)[0] == "DPM++ 2M"


def test_interrupt_keeps_what_there_is(host, probe):
    from modules import script_callbacks
    from modules.shared import state

    steps = []

    def stop(params):
        steps.append(state.sampling_step)
        if len(steps) == 2:
            state.interrupt()

    script_callbacks.on_cfg_denoiser(stop)
    try:
        result = host.txt2img(SMALL, steps=6, n_iter=3)
    finally:
        script_callbacks.remove_callbacks_for_function(stop)
    assert len(steps) == 2 and len(result.images) == 1 and pixels(result.images[0]).std() > 0
    assert len(host.txt2img(SMALL).images) == 1, "the next job is not interrupted"


def test_skip_goes_on_with_the_next_batch(host):
    from modules import script_callbacks
    from modules.shared import state

    steps = []

    def skip(params):
        steps.append(state.job_no)
        if len(steps) == 1:
            state.skip()

    script_callbacks.on_cfg_denoiser(skip)
    try:
        result = host.txt2img(SMALL, steps=3, n_iter=2)
    finally:
        script_callbacks.remove_callbacks_for_function(skip)
    assert steps == [0, 1, 1, 1] and len(result.images) == 2


def test_progress_and_preview(host):
    from modules import script_callbacks
    from modules.shared import opts, state

    seen = []

    def look(params):
        state.do_set_current_image()
        seen.append((state.sampling_step, state.sampling_steps, state.job_no, state.job_count, state.current_image is not None))

    script_callbacks.on_cfg_denoiser(look)
    try:
        host.txt2img(SMALL, steps=3, n_iter=2)
    finally:
        script_callbacks.remove_callbacks_for_function(look)
    assert [entry[:4] for entry in seen] == [(0, 3, 0, 2), (0, 3, 0, 2), (1, 3, 0, 2), (0, 3, 1, 2), (0, 3, 1, 2), (1, 3, 1, 2)]
    assert [entry[4] for entry in seen[:2]] == [False, True] and state.job_count == 0
    assert opts.live_previews_enable
