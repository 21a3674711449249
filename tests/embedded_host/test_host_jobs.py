"""The processing loop: hook order, what hooks may break, infotext, files, several images."""

import re

import pytest
import torch
from embedded_host.conftest import SMALL, pixels, same_weights
from PIL import Image

BATCH = ["before_process_batch", "after_extra_networks_activate", "process_batch"]
IMAGE = ["postprocess_image", "postprocess_maskoverlay", "postprocess_image_after_composite"]
AFTER = ["post_sample", "postprocess_batch", "postprocess_batch_list"]
START = ["setup", "before_process", "process"]


def test_hook_order_txt2img(host, probe):
    host.txt2img(SMALL, batch_size=2, n_iter=2)
    batch = [*BATCH, "process_before_every_sampling", *AFTER, *IMAGE, *IMAGE]
    assert probe.names() == [*START, *batch, *batch, "postprocess"]


def test_hook_order_hires(host, probe):
    passes = []
    probe.actions["process_before_every_sampling"] = lambda p, *a, x, noise, c, uc: passes.append(
        (p.is_hr_pass, tuple(x.shape), x is noise, p.sampler is not None, uc is None))
    host.txt2img(SMALL, enable_hr=True, hr_upscaler="Latent", hr_scale=1.5)
    hires = ["before_hr", "process_before_every_sampling", "process_before_every_sampling"]
    networks = ["after_extra_networks_activate"]
    assert probe.names() == [*START, *BATCH, *networks * 2, "process_before_every_sampling", *networks, *hires, *AFTER,
                             *IMAGE, "postprocess"]
    assert passes == [(False, (1, 4, 8, 8), True, True, False), (True, (1, 4, 12, 12), False, True, False),
                      (True, (1, 4, 12, 12), False, True, False)]


def test_hook_order_inpaint(host, probe, photo):
    host.img2img(SMALL, init_images=[photo], mask=photo.convert("L"), steps=4, denoising_strength=0.5)
    names = probe.names()
    assert names[:4] == [*START, "before_process_init_images"]
    assert names[4:9] == [*BATCH, "process_before_every_sampling", "on_mask_blend"]
    assert names.count("on_mask_blend") == 3 + 1
    finals = [args[0].is_final_blend for name, args, _ in probe.calls if name == "on_mask_blend"]
    assert finals == [False, False, False, True]
    assert names[-7:] == [*AFTER, *IMAGE, "postprocess"]


def test_second_call_in_the_hires_pass_sees_a_clean_unet(host, probe):
    seen = []

    def patch(p, *args, **kwargs):
        unet = p.sd_model.forge_objects.unet
        seen.append("mine" in unet.model_options)
        p.sd_model.forge_objects.unet = unet = unet.clone()
        unet.model_options["mine"] = True

    probe.actions["process_before_every_sampling"] = patch
    host.txt2img(SMALL, enable_hr=True, hr_scale=1.5)
    host.txt2img(SMALL)
    assert seen == [False, True, False, False]


@pytest.mark.parametrize("hook", ["before_process", "process", "before_process_batch", "process_before_every_sampling",
                                  "post_sample", "postprocess_image", "postprocess"])
def test_errors_in_hooks_are_printed_and_swallowed(host, probe, capsys, hook):
    def fail(*args, **kwargs):
        raise ValueError("out of my hook")

    probe.actions[hook] = fail
    result = host.txt2img(SMALL)
    assert len(result.images) == 1
    assert re.search(rf"Error running {hook}: .*embedded_probe.py[\s\S]*ValueError: out of my hook", capsys.readouterr().err)


def test_errors_outside_hooks_end_the_job(host, probe):
    class Refused(Exception):
        pass

    def replace(p, *args):
        def refuse(*args, **kwargs):
            raise Refused("no")
        p.sample = refuse

    probe.actions["process"] = replace
    with pytest.raises(Refused):
        host.txt2img(SMALL)
    probe.actions.clear()
    assert len(host.txt2img(SMALL).images) == 1


def test_a_patched_job_leaves_no_trace(host, probe, weights):
    plain = pixels(host.txt2img(SMALL).images[0])

    def patch(p, *args, **kwargs):
        unet = p.sd_model.forge_objects.unet.clone()
        unet.add_patches(filename="noise", patches={key: ("diff", (0.02 * torch.randn_like(value),)) for key, value in weights.items()})
        p.sd_model.forge_objects.unet = unet

    probe.actions["process_before_every_sampling"] = patch
    changed = pixels(host.txt2img(SMALL).images[0])
    merged = host.merged_tensors
    host.txt2img(SMALL)
    assert host.merged_tensors == merged, "the second job merges nothing"
    probe.actions.clear()
    assert (pixels(host.txt2img(SMALL).images[0]) == plain).all() and (changed != plain).any()
    assert same_weights(host.model.model, weights)


def test_script_arguments(host, probe):
    host.txt2img(SMALL, alwayson_scripts={"embedded PROBE": {"args": [{"a": 1}]}})
    assert probe.calls[0] == ("setup", ({"a": 1}, 1), {})
    host.txt2img(SMALL, alwayson_scripts={"Embedded probe": {"args": ["x", 2, "surplus"]}})
    assert probe.calls[-1][1][1:] == ("x", 2)
    with pytest.raises(ValueError, match="Script 'nobody' not found"):
        host.txt2img(SMALL, alwayson_scripts={"nobody": {"args": []}})
    with pytest.raises(ValueError, match="`wdith` is not a field of txt2img."):
        host.txt2img(SMALL, wdith=64)


def test_infotext(host, probe):
    def write(p, *args):
        p.extra_generation_params.update({"Plain": 1.5, "Listed": ["first", "second"], "Quoted": 'a, "b": c',
                                          "Called": lambda p, index, **kwargs: f"photo {index}", "Off": None})

    probe.actions["process"] = write
    result = host.txt2img(SMALL, negative_prompt="dark", batch_size=2)
    assert result.infotexts[1] == (
        "a red ball\nNegative prompt: dark\nSteps: 2, Sampler: Euler, Schedule type: Automatic, CFG scale: 3.0, Seed: 6, "
        f"Size: 64x64, Model hash: {host.model.sd_model_hash}, Model: demo, RNG: CPU, Plain: 1.5, Listed: second, "
        r'Quoted: "a, \"b\": c", Called: photo 1, Version: relight-embedded')
    assert result.info == result.infotexts[0] and result.images[1].info["parameters"] == result.infotexts[1]


def test_result_as_json(host):
    import json

    result = host.txt2img(SMALL, seed=-1, batch_size=2)
    info = json.loads(result.js())
    assert info["all_seeds"] == [info["seed"], info["seed"] + 1] and info["infotexts"] == result.infotexts
    assert (info["width"], info["height"], info["steps"], info["sampler_name"]) == (64, 64, 2, "Euler")


def test_saved_files_carry_the_infotext(host):
    from modules import images, paths

    result = host.txt2img(SMALL, save_images=True, batch_size=2)
    folder = f"{paths.data_path}/outputs/txt2img-images"
    single = Image.open(f"{folder}/00001-6.png")
    assert images.read_info_from_image(single)[0] == result.infotexts[2]
    assert len(result.images) == 3 and result.index_of_first_image == 1, "two images make a grid"
    assert result.images[0].size == (128, 64)


def test_emptied_prompts_end_the_job(host, probe):
    probe.actions["before_process_batch"] = lambda p, *args, **kwargs: p.prompts.clear()
    assert host.txt2img(SMALL).images == []


def test_comment_and_interrupt_in_process(host, probe):
    from modules.shared import state

    def stop(p, *args):
        p.comment("why it stopped")
        state.interrupt()

    probe.actions["process"] = stop
    result = host.txt2img(SMALL)
    assert result.images == [] and result.comments == "why it stopped\n"


def test_extra_images(host, probe):
    import numpy as np

    probe.actions["postprocess"] = lambda p, processed, *args: processed.extra_images.extend(
        [np.zeros((8, 8, 3), np.uint8), Image.new("RGB", (8, 8)), "no photo"])
    assert [image.size for image in host.txt2img(SMALL).extra_images] == [(8, 8), (8, 8)]


def test_inference_mode_around_the_batch_only(host, probe):
    seen = {}
    for hook in ("process", "before_process_batch", "process_before_every_sampling", "postprocess_image", "postprocess"):
        probe.actions[hook] = lambda *args, hook=hook, **kwargs: seen.update({hook: torch.is_inference_mode_enabled()})
    host.txt2img(SMALL)
    assert seen == {"process": False, "before_process_batch": True, "process_before_every_sampling": True,
                    "postprocess_image": True, "postprocess": False}


def test_modified_noise_replaces_the_noise(probe, latents):
    other = latents(seed=9)

    def replace(p, *args, x, **kwargs):
        p.modified_noise = torch.randn(4, 8, 8, generator=torch.Generator("cpu").manual_seed(9))[None]

    probe.actions["process_before_every_sampling"] = replace
    torch.testing.assert_close(latents(), other, atol=0, rtol=0)


def test_variation_seed_and_seed_resize(latents):
    plain, other = latents(), latents(seed=8)
    varied = latents(subseed=8, subseed_strength=1.0)
    torch.testing.assert_close(varied, other, atol=1e-4, rtol=0)
    assert not torch.equal(latents(subseed=8, subseed_strength=0.3), plain)
    assert latents(seed_resize_from_w=128, seed_resize_from_h=64).shape == plain.shape


def test_override_settings_are_put_back(host, latents):
    from modules.shared import opts

    plain = latents()
    skipped = latents(override_settings={"CLIP_stop_at_last_layers": 2})
    assert not torch.equal(plain, skipped) and opts.CLIP_stop_at_last_layers == 1
    assert torch.equal(latents(), plain)


@pytest.mark.parametrize("kind", ["txt2img", "img2img"])
def test_odd_sizes_stay_in_p_and_the_image_is_the_latents(host, kind, photo):
    """As Forge: 100 x 84 has a latent of 12 x 10 and gives 96 x 80."""
    fields = {"init_images": [photo]} if kind == "img2img" else {}
    result = getattr(host, kind)(SMALL, width=100, height=84, **fields)
    assert result.images[0].size == (96, 80) and "Size: 100x84" in result.info and result.width == 100
