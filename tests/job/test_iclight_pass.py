"""Values that an IC-Light job passes to the host, on the embedded host and its demo models."""

import numpy as np
import pytest
import torch
from decoding import decoded
from job.sampler_inputs import JOB, light, mode_latent, on_grey
from PIL import Image
from sd_relight.lib_iclight import foreground
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_iclight.shadow import darken, shadow_alpha
from sd_relight.lib_relight.base import caches
from sd_relight.lib_relight.job import subject
from sd_relight.lib_relight.matting import matting


def test_fc_condition_is_the_modes_latent(host, applied, photo):
    seen, _ = applied(iclight={"foreground": photo})
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition, mode_latent(host, on_grey(photo, 64, 96)), rtol=1e-5, atol=1e-6)


def test_condition_is_the_same_to_the_bit_when_computed_again(applied, photo):
    first = applied(iclight={"foreground": photo})[0][0]["unet"].extra_concat_condition
    subject.latents.clear()
    assert torch.equal(applied(iclight={"foreground": photo})[0][0]["unet"].extra_concat_condition, first)


def test_fbc_has_foreground_then_background(host, applied, photo, rng):
    background = Image.fromarray(rng.integers(0, 256, (70, 70, 3), np.uint8))
    seen, _ = applied(iclight={"foreground": photo, "background": background, "background_flip": True})
    behind = foreground.fit(np.asarray(background), 64, 96)[:, ::-1]
    expected = torch.cat([mode_latent(host, on_grey(photo, 64, 96)), mode_latent(host, behind)], dim=1)
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition, expected, rtol=1e-5, atol=1e-6)


def test_fbc_has_the_shadow_on_the_background(host, applied, photo):
    fields = {"foreground": photo, "background": Image.new("RGB", (70, 70), "white"), "light": "left"}
    seen, _ = applied(iclight={**fields, "shadow": 0.7})
    alpha = shadow_alpha(decoded(photo).fitted(64, 96).alpha, [IcLightParams(light="left")], 0.7, 0.5)
    expected = mode_latent(host, darken(np.full((96, 64, 3), 255, np.uint8), alpha))
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition[:, 4:], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("flip", [False, True])
def test_fbc_takes_a_light_as_background_in_its_own_range(host, applied, photo, flip):
    """`background_flip` mirrors a given background, not the light: left stays left."""
    seen, _ = applied(iclight={"foreground": photo, "model": "fbc", "light": "left", "background_flip": flip})
    expected = mode_latent(host, light("fbc", light="left"))
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition[:, 4:], expected, rtol=1e-5, atol=1e-6)
    plain, _ = applied()
    assert torch.equal(seen[0]["x"], plain[0]["x"])


@pytest.mark.parametrize("side", ["left", "top-right", "ambient"])
def test_txt2img_starts_from_the_light_under_noise(host, applied, photo, side):
    plain, _ = applied()
    seen, _ = applied(iclight={"foreground": photo, "light": side})
    sigma = float(seen[0]["p"].sampler.get_sigmas(seen[0]["p"], 2)[0]) if seen[0]["p"].sampler else 14.6146
    expected = plain[0]["x"] + mode_latent(host, light(light=side)) / sigma
    torch.testing.assert_close(seen[0]["x"], expected, rtol=1e-4, atol=1e-5)


def where_the_host_puts_it(photo, resize_mode):
    """The subject on grey as the host's own function places it; what "resize and fill" leaves around it stays grey."""
    from modules import images

    grey = decoded(photo).flattened().to_pil()
    placed = np.array(images.resize_image(0 if resize_mode == 3 else resize_mode, grey, 64, 96))
    if resize_mode == 2:  # 120 x 80 in 64 x 96: rows 27 to 68
        placed[:27], placed[69:] = 127, 127
    return placed


@pytest.mark.parametrize("resize_mode", [0, 1, 2, 3])
def test_img2img_samples_from_the_light_with_the_subject_where_the_host_puts_it(host, applied, photo, resize_mode):
    seen, _ = applied("img2img", {"light": "right"}, init_images=[photo], resize_mode=resize_mode, denoising_strength=0.9)
    torch.testing.assert_close(seen[0]["x"], mode_latent(host, light(light="right")), rtol=1e-5, atol=1e-6)
    expected = mode_latent(host, where_the_host_puts_it(photo, resize_mode))
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition, expected, rtol=1e-5, atol=1e-6)


def test_reinforce_pastes_the_subject_on_the_light(host, applied, photo):
    seen, _ = applied("img2img", {"light": "left", "reinforce": 0.5}, init_images=[photo], resize_mode=1, denoising_strength=0.9)
    placed = decoded(photo).fitted(64, 96)
    expected = mode_latent(host, foreground.reinforce(light(light="left"), placed.rgb, placed.alpha, 0.5))
    torch.testing.assert_close(seen[0]["x"], expected, rtol=1e-5, atol=1e-6)


def test_every_batch_of_a_count_starts_from_the_same_light(host, applied, photo):
    seen, result = applied("img2img", {"light": "left"}, init_images=[photo], n_iter=2, batch_size=2, denoising_strength=1.0)
    assert len(result.images) == 4
    assert torch.equal(seen[0]["x"], seen[1]["x"])


def test_each_init_image_is_its_own_subject(host, applied, photo):
    other = photo.rotate(180)
    seen, _ = applied("img2img", {"light": "left"}, init_images=[photo, other], batch_size=2, resize_mode=1, denoising_strength=1.0)
    condition = seen[0]["unet"].extra_concat_condition
    for row, image in enumerate((photo, other)):
        torch.testing.assert_close(condition[row:row + 1], mode_latent(host, on_grey(image, 64, 96)), rtol=1e-5, atol=1e-6)


def images_of(result, count):
    """The job's last images, int [H, W, 3]; a grid may be before them."""
    return [np.asarray(image.convert("RGB")).astype(int) for image in result.images[-count:]]


def job_with(kind, host, args, **fields):
    return getattr(host, kind)({**JOB, "denoising_strength": 0.9, **fields, "alwayson_scripts": {"Relight": {"args": [args]}}})


def test_several_init_images_equal_jobs_of_their_own(host, photo):
    """Each has its own subject, frame, region mask and restored detail, in each batch of a count."""
    region = Image.linear_gradient("L").resize(photo.size)
    args = {"iclight": {"light": "left", "detail": 0.5}, "ip_adapter": [
        {"model": "ip-adapter", "image": "subject"}, {"model": "ip-adapter", "image": photo, "mask": region, "weight": 2}]}
    photos = [photo, photo.rotate(90, expand=True), photo.resize((96, 96))]
    together = images_of(job_with("img2img", host, args, init_images=photos, batch_size=3, n_iter=2, resize_mode=1), 6)
    for index in (1, 3, 5):
        alone = job_with("img2img", host, args, init_images=[photos[index % 3]], resize_mode=1, seed=JOB["seed"] + index)
        assert np.abs(images_of(alone, 1)[0] - together[index]).max() <= 2, index


def test_unfolded_images_have_their_own_masks(host, photo):
    left, right = Image.new("L", (64, 96)), Image.new("L", (64, 96), 255)
    left.paste(255, (0, 0, 32, 96))
    right.paste(0, (0, 0, 32, 96))
    unit, images, areas = {"model": "ip-adapter", "weight": 3}, [photo, photo.rotate(180)], [left, right]
    together = images_of(job_with("txt2img", host, {"ip_adapter": [
        {**unit, "image": images, "mask": areas, "unfold_batch": True}]}, batch_size=2), 2)
    for index in range(2):
        alone = job_with("txt2img", host, {"ip_adapter": [{**unit, "image": images[index], "mask": areas[index]}]},
                         seed=JOB["seed"] + index)
        assert np.abs(images_of(alone, 1)[0] - together[index]).max() <= 2


@pytest.mark.parametrize("batch_size", [1, 2])
def test_each_light_of_a_set_takes_its_own_unfolded_image(host, photo, batch_size):
    unit, images = {"model": "ip-adapter", "weight": 3}, [photo, photo.rotate(180), photo.rotate(90)]
    light = {"foreground": photo, "matting": "none", "light": "left", "set": "sides"}
    together = images_of(job_with("txt2img", host, {"iclight": light, "ip_adapter": [
        {**unit, "image": images, "unfold_batch": True}]}, batch_size=batch_size), 4)
    for side, image, made in zip(("left", "right", "top", "bottom"), [*images, images[-1]], together):
        alone = job_with("txt2img", host, {"iclight": {**light, "light": side, "set": "none"},
                                           "ip_adapter": [{**unit, "image": image}]})
        assert np.abs(images_of(alone, 1)[0] - made).max() <= 2, side


def test_inpaint_keeps_the_images_latent_outside_the_mask(host, applied, photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, 60, 80))
    fields = {"init_images": [photo], "mask": mask, "mask_blur": 0, "inpainting_fill": 1, "inpaint_full_res": False,
              "denoising_strength": 0.9}
    torch.manual_seed(3)
    plain, _ = applied("img2img", **fields)
    torch.manual_seed(3)
    seen, _ = applied("img2img", {"light": "left"}, **fields)
    nmask = seen[0]["p"].nmask
    start = mode_latent(host, light(light="left"))
    torch.testing.assert_close(seen[0]["x"], start * nmask + plain[0]["x"] * (1 - nmask), rtol=1e-5, atol=1e-6)
    assert 0 < float(nmask.mean()) < 1


def test_only_masked_crops_the_subject_as_the_host_crops_the_image(host, applied, photo):
    mask = Image.new("L", photo.size)
    mask.paste(255, (30, 20, 62, 60))
    seen, _ = applied("img2img", {"light": "left"}, init_images=[photo], mask=mask, mask_blur=0, inpainting_fill=1,
                      inpaint_full_res=True, inpaint_full_res_padding=4, denoising_strength=0.9)
    left, top, width, height = seen[0]["p"].paste_to
    rgb, alpha = decoded(photo).rgb, decoded(photo).alpha
    grey = foreground.grey_composite(rgb, alpha)[top:top + height, left:left + width]
    expected = mode_latent(host, foreground.fit(grey, 64, 96, "contain"))
    torch.testing.assert_close(seen[0]["unet"].extra_concat_condition, expected, rtol=1e-5, atol=1e-6)


def test_a_black_inpaint_mask_is_reported(host, photo):
    result = job_with("img2img", host, {"iclight": {"light": "left"}}, init_images=[photo], mask=Image.new("L", photo.size),
                      inpaint_full_res=False)
    assert "The inpaint mask is black everywhere, so nothing of the img2img image is changed;" in result.comments


def test_an_init_image_of_16_bits_is_scaled(host, rng):
    """The hosts clip it to white."""
    grey = rng.integers(0, 256, (96, 64), np.uint8)
    images = [images_of(job_with("img2img", host, {"iclight": {"matting": "none"}}, init_images=[image]), 1)[0]
              for image in (Image.fromarray(grey), Image.fromarray(grey.astype(np.uint16) * 257))]
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize("compensate, steps", [(True, 10), (False, None)])
def test_all_the_steps_asked_for_are_passed_to_the_sampler(applied, photo, compensate, steps):
    seen, result = applied("img2img", {"light": "left", "compensate_steps": compensate}, init_images=[photo], steps=10,
                           denoising_strength=0.5)
    assert seen[0]["steps"] == steps
    assert ("10 steps run of 20" in result.infotexts[0]) is compensate


NO_STEP = "Relight: at denoising strength {} none of the {} steps is run, so neither light nor image prompts have an effect; raise it."


@pytest.mark.parametrize("unit", [{}, {"end": 0.5}])
def test_without_a_step_neither_half_reports_an_effect(host, photo, unit):
    """DDIM ends at its lowest timestep: 2 steps at 0.5 are one timestep and no call of the UNet."""
    fields = {"init_images": [photo], "sampler_name": "DDIM", "steps": 2, "denoising_strength": 0.5}
    args = {"iclight": {"light": "left", "compensate_steps": False}, "ip_adapter": [{"model": "ip-adapter", "image": photo, **unit}]}
    result = host.img2img({**JOB, **fields, "alwayson_scripts": {"Relight": {"args": [args]}}})
    assert "fc, left, 0/0 weights, condition -; IP-Adapter ip-adapter, patched 0/16" in result.infotexts[0]
    assert NO_STEP.format("0.5", 2) in result.comments
    plain = host.img2img({**JOB, **fields})
    np.testing.assert_array_equal(np.asarray(result.images[0]), np.asarray(plain.images[0]))


def test_ddim_with_one_step_runs_none(host, photo):
    args = {"iclight": {"foreground": photo, "light": "left"}, "ip_adapter": [{"model": "ip-adapter", "image": photo}]}
    result = job_with("txt2img", host, args, sampler_name="DDIM", steps=1)
    assert "fc, left, 0/0 weights, condition -; IP-Adapter ip-adapter, patched 0/16" in result.infotexts[0]
    assert "this sampler runs one step less than the number of steps, here none" in result.comments


def test_hires_without_a_step(host, photo):
    args = {"iclight": {"foreground": photo, "light": "left"}, "ip_adapter": [{"model": "ip-adapter", "image": photo, "hr_option": "high"}]}
    result = host.txt2img({**JOB, "enable_hr": True, "hr_scale": 1.2, "hr_upscaler": "Latent", "denoising_strength": 0,
                           "alwayson_scripts": {"Relight": {"args": [args]}}})
    assert "patched 0/16" in result.infotexts[0] and NO_STEP.format("0", JOB["steps"]) in result.comments


@pytest.mark.parametrize("option, passes", [("both", (True, True)), ("low", (True, False)), ("high", (False, True))])
def test_hires_conditions_have_the_size_of_their_pass(applied, photo, option, passes):
    seen, _ = applied(iclight={"foreground": photo, "hr_option": option}, enable_hr=True, hr_scale=1.2, hr_upscaler="Latent",
                      denoising_strength=0.6, hr_second_pass_steps=2)
    for entry, wanted in zip(seen, passes):
        condition = entry["unet"].extra_concat_condition
        assert (condition is not None) is wanted
        assert not wanted or condition.shape[2:] == entry["x"].shape[2:]
    assert seen[0]["x"].shape[2:] == (12, 8) and seen[1]["x"].shape[2:] == (14, 9)


def test_second_identical_job_reads_encodes_and_merges_nothing(host, applied, photo):
    job = {"foreground": photo, "light": "left", "reinforce": 0.5}
    applied(iclight=job)
    before, merged = dict(caches.counters), host.merged_tensors
    applied(iclight=job)
    assert (dict(caches.counters), host.merged_tensors) == (before, merged)


def test_colour_match_is_off_for_this_job_only(host, applied, photo):
    from modules.shared import opts

    opts.set("img2img_color_correction", True)
    try:
        seen, _ = applied("img2img", {"light": "left"}, init_images=[photo], denoising_strength=0.9)
        plain, _ = applied("img2img", init_images=[photo], denoising_strength=0.9)
    finally:
        opts.set("img2img_color_correction", False)
    assert seen[0]["matched"] == []
    assert len(plain[0]["matched"]) == 1


def test_low_denoise_is_reported(applied, photo):
    seen, result = applied("img2img", {"light": "left"}, init_images=[photo], denoising_strength=0.3)
    assert "denoising strength 0.3 is low for a light" in result.comments


def test_the_infotext_names_the_matting_model_that_auto_took(applied, photo, monkeypatch, tmp_path):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setattr(matting, "matte", lambda image, model, steps: np.ones((image.height, image.width), np.float32))
    _, result = applied(iclight={"foreground": photo.convert("RGB")})
    assert "Relight matting model: u2netp" in result.infotexts[0]
    _, result = applied(iclight={"foreground": photo})
    assert "matting model" not in result.infotexts[0]
