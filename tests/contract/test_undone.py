"""Complete removal: after every job the next plain one is byte-equal to one made before Relight was enabled.

Each job is also shown to be relit: it differs from the same job without Relight, and the infotext says n/n weights with n
the number of the UNet's own weights, and a condition of an eighth of the image's size.
"""

import re

import numpy as np
import pytest
from contract import differences
from contract.client import difference
from contract.subjects import DISC, FOREGROUND, SCENE, WIDE_SCENE, fbc, fc, iclight, scene

pytestmark = pytest.mark.usefixtures("undone")
HR_MODULES = ["Use same choices"]
LEAST = 0.2
"""Grey levels by which a relit image must at least differ in the mean; random weights give 1 to 60."""


def assert_relit(client, kind, light, relit, plain, first=(64, 64)):
    assert difference(relit, plain) > LEAST
    proof = re.fullmatch(r"(\w+), ([\w +-]+), (\d+)/(\d+) weights, condition (\S+(?: and \S+)*?)(, .* steps run of .*)?", relit.proof)
    assert proof, relit.proof
    keys = client.probe("after")["unet_keys"]
    assert proof.group(1, 2, 3, 4) == (kind, light, str(keys), str(keys))
    sizes = [f"{width // 8}x{height // 8}" for width, height in (first, relit.size)]
    assert proof.group(5) == " and ".join(dict.fromkeys(sizes))


def pair(client, tab, relight, **fields):
    """The job with Relight and without."""
    return client.send(tab, relight=relight, **fields), client.once(tab, **fields)


@pytest.mark.parametrize("kind, light, relight", [
    ("fc", "none", fc()), ("fc", "left", fc(light="left")), ("fbc", "none", fbc()),
    ("fbc", "right", iclight(foreground=FOREGROUND, model="fbc", light="right"))],
    ids=["fc", "fc light", "fbc", "fbc light"])
def test_txt2img(client, kind, light, relight):
    assert_relit(client, kind, light, *pair(client, "txt2img", relight))


def test_hires_by_a_factor_of_1_2(client, upscaler):
    fields = {"enable_hr": True, "hr_scale": 1.2, "hr_upscaler": upscaler, "denoising_strength": 0.7,
              "hr_second_pass_steps": 2, "hr_additional_modules": HR_MODULES}
    relit, plain = pair(client, "txt2img", fc(light="left"), **fields)
    if relit.size == (64, 64):
        differences.met(client, "sizes in 64")
    else:
        assert relit.size == (72, 72), "64 * 1.2 = 76, of which the latent keeps 9 * 8"
    assert_relit(client, "fc", "left", relit, plain)


def test_hires_with_one_side_given(client, upscaler):
    fields = {"enable_hr": True, "hr_resize_x": 128, "hr_upscaler": upscaler, "denoising_strength": 0.7,
              "hr_second_pass_steps": 2, "hr_additional_modules": HR_MODULES}
    relit, plain = pair(client, "txt2img", fbc(), **fields)
    assert relit.size == (128, 128)
    assert_relit(client, "fbc", "none", relit, plain)


def test_batch_of_two_by_two(client):
    relit, plain = pair(client, "txt2img", fc(light="left"), batch_size=2, n_iter=2)
    assert len(relit.png) == len(plain.png) == 4
    assert len(set(relit.png) | set(plain.png)) == 8
    assert_relit(client, "fc", "left", relit, plain)
    single = client.once(relight=fc(light="left"))
    assert difference(relit, single) < 1.0, "the first of a batch is the single image but for rounding"


def test_img2img_with_two_lights(client):
    fields = {"init_images": [SCENE], "denoising_strength": 0.9}
    left = client.send("img2img", relight=iclight(light="left", matting="none"), **fields)
    top, plain = pair(client, "img2img", iclight(light="top", matting="none"), **fields)
    assert_relit(client, "fc", "left", left, plain)
    assert_relit(client, "fc", "top", top, plain)
    assert difference(left, top) > LEAST


@pytest.mark.parametrize("whole", [True, False], ids=["whole image", "only masked"])
def test_inpaint_keeps_what_lies_outside_the_mask(client, whole):
    fields = {"init_images": [SCENE], "mask": DISC, "mask_blur": 0, "inpainting_fill": 1, "inpaint_full_res": not whole,
              "inpaint_full_res_padding": 8, "denoising_strength": 0.9}
    relit, plain = pair(client, "img2img", iclight(light="left", matting="none"), **fields)
    inside = np.hypot(*(np.mgrid[0:64, 0:64] - 31.5)) < 14
    outside = np.hypot(*(np.mgrid[0:64, 0:64] - 31.5)) > 18
    original = np.asarray(scene()).astype(int)
    np.testing.assert_array_equal(relit.pixels()[outside], original[outside])
    assert np.abs(relit.pixels() - plain.pixels())[inside].mean() > LEAST
    assert relit.proof.startswith("fc, left, ")


def test_every_resize_mode_has_its_own_subject(client):
    fields = [{"init_images": [WIDE_SCENE], "denoising_strength": 0.9, "resize_mode": mode} for mode in range(4)]
    jobs = [client.send("img2img", relight=iclight(light="left", matting="none"), **given) for given in fields]
    for job, given in zip(jobs, fields):
        assert_relit(client, "fc", "left", job, client.once("img2img", **given))
    stretched, cropped, filled, latent = jobs
    assert min(difference(stretched, cropped), difference(stretched, filled), difference(cropped, filled)) > LEAST
    assert latent.png[0] != cropped.png[0]


def test_failed_preflight(client):
    assert client.send(relight=iclight(light="left")).status == 422


def test_failure_in_the_middle_of_sampling(client):
    reply = client.send(relight=fc(light="left"), after={"fail_at": 2}, steps=3)
    assert reply.status == 500
    assert "the contract probe fails in the middle of sampling" in reply.text
    assert client.probe("after")["calls"] == 2


@pytest.mark.parametrize("where", ["merge", "sampling"])
def test_the_host_runs_out_of_memory(client, where):
    """The host merges outside of our hooks; some keep a merge that ended halfway for a whole one."""
    if where == "merge" and client.status()["host"] == "a1111":
        differences.met(client, "no merged set")
        return
    reply = client.send(relight=fc(light="left"), after={"no_memory": where})
    assert reply.status == 507, reply.text[:500]
    assert reply.body["detail"] == "There is not enough memory for this; use smaller images, a smaller size or a smaller batch."
    assert client.send().png == client.plain.png
    assert client.send(relight=fc(light="left")).png == client.once(relight=fc(light="left")).png


HOOKS = ["before_process", "process", "before_process_batch", "process_batch", "process_before_every_sampling", "post_sample",
         "postprocess_batch", "postprocess_image", "postprocess"]


def test_another_extension_fails_in_every_hook(client):
    failing = {"raise_in": HOOKS}
    reply = client.send(relight=fc(light="left"), before=failing, after=failing)
    assert [sorted(set(client.probe(place)["hooks"])) for place in ("before", "after")] == [sorted(HOOKS)] * 2
    assert reply.png == client.once(relight=fc(light="left")).png


def test_interrupted(client):
    reply = client.send(relight=fc(light="left"), after={"interrupt_at": 2}, steps=5)
    assert client.probe("after")["calls"] in (2, 3), "of 5"
    assert reply.proof.startswith("fc, left, ")


def test_skipped(client):
    reply = client.send(relight=fc(light="left"), after={"skip_at": 2}, steps=5, n_iter=2)
    assert len(reply.png) == 2
    assert client.probe("after")["calls"] in (7, 8), "2 or 3 of the first five, and the second five"


def test_an_init_image_with_alpha(client):
    """The host flattens it; the subject keeps its matte."""
    fields = {"init_images": [FOREGROUND], "denoising_strength": 0.9, "resize_mode": 1}
    relit, plain = pair(client, "img2img", iclight(light="left"), **fields)
    assert_relit(client, "fc", "left", relit, plain)
