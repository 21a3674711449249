"""Sets: one job, one light per image, each image equal to the job that asks for its light alone."""

import re

import numpy as np
import pytest
from contract.client import BASE, difference
from contract.subjects import DISC, FOREGROUND, SCENE, fbc, fc, iclight

SIDES = ("left", "right", "top", "bottom")
SIZE = 4


def lights_of(reply):
    """The light that each image's infotext names; a grid, where the host makes one, is left out."""
    return [re.search(r"Relight light: ([\w-]+)", text)[1] for text in reply.infotexts[-SIZE:]]


def pixels_of(reply):
    return [reply.pixels(index) for index in range(len(reply.png) - SIZE, len(reply.png))]


def assert_equal_to_single_jobs(client, tab, request, most=0, **fields):
    """Each image of a set of sides at batch size 1 is the single job's, bit for bit, or but for `most` levels."""
    together = client.send(tab, relight=request(set="sides"), **fields)
    assert lights_of(together) == list(SIDES)
    for light, found in zip(SIDES, pixels_of(together), strict=True):
        alone = client.once(tab, relight=request(light=light), **fields)
        assert np.abs(found - alone.pixels()).max() <= most, light
    return together


def test_txt2img(client):
    reply = assert_equal_to_single_jobs(client, "txt2img", fc)
    texts = reply.infotexts[-SIZE:]
    assert all(f"Seed: {BASE['seed']}," in text and "Relight set" not in text for text in texts)
    assert all(f'Relight: "fc, {light}, ' in text for light, text in zip(SIDES, texts, strict=True))


def test_img2img(client):
    assert_equal_to_single_jobs(client, "img2img", lambda **fields: iclight(matting="none", **fields), init_images=[SCENE],
                                denoising_strength=0.9)


def sampled_encoding(client):
    """Most levels of 255 between equal jobs that encode an image: hosts sample the latent from torch's global generator.

    Equal jobs after unlike ones differed by up to 6 levels (mean 0.16) on Forge Neo.
    """
    return 0 if client.name == "embedded" else 8


def test_inpaint_only_masked(client):
    assert_equal_to_single_jobs(client, "img2img", lambda **fields: iclight(matting="none", **fields), sampled_encoding(client),
                                init_images=[SCENE], mask=DISC, inpaint_full_res=True, inpaint_full_res_padding=8,
                                denoising_strength=0.9)


def test_hires(client, upscaler):
    most = 0 if upscaler == "Latent" else sampled_encoding(client)
    assert_equal_to_single_jobs(client, "txt2img", fc, most, enable_hr=True, hr_scale=2, hr_upscaler=upscaler,
                                denoising_strength=0.7, hr_second_pass_steps=2, hr_additional_modules=["Use same choices"])


def test_fbc_takes_each_light_as_its_background(client):
    assert_equal_to_single_jobs(client, "txt2img", lambda **fields: fc(model="fbc", **fields))


def test_a_background_stays_behind_every_light(client):
    assert_equal_to_single_jobs(client, "txt2img", fbc)


@pytest.mark.parametrize(("batch_size", "used"), [(2, 2), (3, 2), (4, 4), (8, 4)])
def test_batches_of_other_sizes_have_the_same_lights(client, batch_size, used):
    """Rows of a batch may differ in their last bits from a batch of one."""
    together, one = client.send(relight=fc(set="sides"), batch_size=batch_size), client.once(relight=fc(set="sides"))
    assert lights_of(together) == list(SIDES) and len(together.png) - len(one.png) in (0, 1)
    for found, alone in zip(pixels_of(together), pixels_of(one), strict=True):
        assert abs(found - alone).mean() < 1


def test_a_batch_count_gives_a_set_for_each_seed(client):
    twice = client.send(relight=fc(set="sides"), n_iter=2)
    texts = twice.infotexts[-2 * SIZE:]
    assert [re.search(r"Relight light: ([\w-]+)", text)[1] for text in texts] == [*SIDES, *SIDES]
    assert [re.search(r"Seed: (\d+)", text)[1] for text in texts] == ["7"] * SIZE + ["8"] * SIZE


def test_a_sweep_has_its_frames(client):
    request = fc(set="sweep", set_frames=3, set_loop=False, light="right", lights=[{"light": "top"}])
    reply = client.send(relight=request)
    assert [re.search(r"Relight light angle: ([\d.]+)", text)[1] if "light angle" in text else "0"
            for text in reply.infotexts[-3:]] == ["0", "45", "90"]


def test_normals_of_four_sides(client):
    """The normal map, the mean and the albedo come behind the four images; outside of the subject the normal is towards the viewer."""
    reply, sides = client.send(relight=fc(set="normals")), client.once(relight=fc(set="sides"))
    assert reply.infotexts[-3:] == ["Relight normal map", "Relight even light", "Relight albedo"]
    first = len(reply.png) - SIZE - 3
    relights = np.stack([reply.pixels(first + index) for index in range(SIZE)])
    order = [SIDES.index(light) for light in ("left", "right", "bottom", "top")]
    assert (relights == np.stack([pixels_of(sides)[index] for index in order])).all()
    normal, even = reply.pixels(first + SIZE), reply.pixels(first + SIZE + 1)
    assert (normal[0, 0] == (127, 127, 255)).all()
    assert np.abs(even - relights.mean(axis=0)).max() <= 0.5


def test_even_light_is_the_mean_in_the_subjects_colours(client):
    reply = client.send(relight=fc(set="even"))
    assert reply.infotexts[-1] == "Relight even light"
    first = len(reply.png) - SIZE - 1
    mean = np.stack([reply.pixels(first + index) for index in range(SIZE)]).mean(axis=0)
    off = np.abs(reply.pixels(first + SIZE) - mean)
    assert off[0, 0].max() <= 0.5 < off.max(), "colours are held inside of the subject only"


def test_the_next_job_is_plain_again(client):
    before = client.once()
    client.send(relight=fc(set="sides"))
    assert client.send().png == before.png


def test_the_set_merges_and_encodes_once(client):
    client.send(relight=fc(set="sides"))
    before = client.status()["counters"]
    client.send(relight=fc(set="sides"), seed=11)
    after = client.status()["counters"]
    assert after["encodes"] == before["encodes"], "all lights and the subject were encoded before"
    assert after.get("offset_reads", 0) == before.get("offset_reads", 0)


def test_messages(client):
    several = client.send("img2img", relight=iclight(set="sides"), init_images=[FOREGROUND, SCENE], batch_size=2)
    assert several.status == 422
    assert several.body["detail"] == ("`set` makes several images of one, but img2img has 2 images; give one of them, or set `set` "
                                      "to 'none'.")
    short = client.send(relight=fc(set="lights", light="left"))
    assert short.status == 422
    assert short.body["detail"] == "`set` is 'lights' but the number of lights is 1; it needs at least 2: add entries to `lights`."


def test_the_lights_differ(client):
    together = client.once(relight=fc(set="sides"))
    first = len(together.png) - SIZE
    assert difference(together, together) == 0
    assert abs(together.pixels(first) - together.pixels(first + 1)).mean() > 0.2
