"""txt2img and img2img over HTTP: the images, their infotext and parameters."""

import itertools
import json
import threading
import time

import numpy as np
import pytest
from encoding import opened
from PIL import Image


def images_of(reply):
    assert reply.status_code == 200, reply.text
    return [opened(x) for x in reply.json()["images"]]


def test_txt2img_returns_the_image_with_its_infotext(client, small):
    result = client.txt2img(**small)
    assert result.image.size == (64, 64)
    assert result.image.info["parameters"] == result.info["infotexts"][0]
    assert "Steps: 2, Sampler: Euler" in result.info["infotexts"][0]
    assert result.info["seed"] == 7
    assert result.parameters["prompt"] == "a vase"


def test_the_same_seed_gives_the_same_pixels(post, small):
    first, second = (np.asarray(images_of(post("txt2img", **small))[0]) for _ in range(2))
    other = np.asarray(images_of(post("txt2img", **{**small, "seed": 8}))[0])
    np.testing.assert_array_equal(first, second)
    assert np.abs(first.astype(int) - other).max() > 8


def test_batches_count_seeds_upwards(post, small):
    reply = post("txt2img", **small, n_iter=2, batch_size=2)
    made = images_of(reply)
    assert json.loads(reply.json()["info"])["all_seeds"] == [7, 8, 9, 10]
    seeds = [f"Seed: {seed}," in image.info["parameters"] for image, seed in zip(made[-4:], range(7, 11), strict=True)]
    assert seeds == [True] * 4


def test_hires(post, small):
    made = images_of(post("txt2img", **small, enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5,
                         hr_additional_modules=["Use same choices"]))
    assert made[0].size == (128, 128)
    assert "Hires upscale: 2" in made[0].info["parameters"]


def test_img2img_starts_from_the_image(client, small):
    source = Image.new("RGB", (64, 64), (200, 40, 40))
    near = client.img2img(images=[source], denoising_strength=0.05, **{**small, "steps": 20})
    assert near.image.size == (64, 64)
    red, green, _ = np.asarray(near.image).reshape(-1, 3).mean(axis=0)
    assert red > green + 60
    assert near.parameters["init_images"] is None


def test_a_mask_keeps_the_rest(client, small, rng):
    pixels = rng.integers(0, 255, (64, 64, 3), np.uint8)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (32, 0, 64, 64))
    made = client.img2img(images=[Image.fromarray(pixels)], mask_image=mask, mask_blur=0, inpaint_full_res=False,
                          inpainting_fill=1, denoising_strength=1.0, **small)
    result = np.asarray(made.image)
    np.testing.assert_array_equal(result[:, :30], pixels[:, :30])
    assert np.abs(result[:, 34:].astype(int) - pixels[:, 34:]).mean() > 8


def test_img2img_without_an_image(post, small):
    reply = post("img2img", **small)
    assert (reply.status_code, reply.json()["detail"]) == (404, "Init image not found")


@pytest.mark.parametrize("image, sentence", [
    ("no base64!", "`init_images` is not valid base64"), ("aGVsbG8=", "`init_images` is no image in a supported format"),
    ("http://127.0.0.1/x.png", "`init_images` is a URL")])
def test_images_that_cannot_be_read(post, small, image, sentence):
    reply = post("img2img", **small, init_images=[image])
    assert reply.status_code == 422 and reply.json()["detail"].startswith(sentence)


@pytest.mark.parametrize("field, value", [("steps", "many"), ("width", [64]), ("alwayson_scripts", "Relight"),
                                          ("prompt", {"a": 1}), ("cfg_scale", "high"), ("enable_hr", "perhaps"),
                                          ("width", 0), ("height", 10**6), ("batch_size", 0), ("n_iter", 0), ("steps", -1),
                                          ("cfg_scale", float("nan")), ("denoising_strength", float("inf")), ("seed", 10**30),
                                          ("subseed_strength", 2), ("hr_scale", -1), ("s_churn", float("inf"))])
def test_a_wrong_type_or_range_is_rejected_by_name(post, small, field, value):
    reply = post("txt2img", **{**small, field: value})
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["body", field]


@pytest.mark.parametrize("tab, changes, sentence", [
    ("txt2img", {"prompt": "half \ud83d"}, "Unicode"),
    ("txt2img", {"override_settings": {"CLIP_stop_at_last_layers": "two"}},
     "The setting `CLIP_stop_at_last_layers` is 'two'; it must be a whole number from 1 to 12."),
    ("img2img", {"init_images": ["aGVsbG8="], "mask_blur": 10**6}, "mask_blur")])
def test_values_that_no_job_can_use_are_a_422(post, small, tab, changes, sentence):
    reply = post(tab, **{**small, **changes})
    assert reply.status_code == 422 and sentence in reply.text


def test_null_stands_for_the_default(post, small):
    assert images_of(post("txt2img", **{**small, "n_iter": None, "cfg_scale": None, "seed_resize_from_h": None}))


def test_unknown_sampler(post, small):
    reply = post("txt2img", **small, sampler_name="Guess")
    assert (reply.status_code, reply.json()["detail"]) == (400, "Sampler not found")


def test_send_images_false(post, small):
    assert images_of(post("txt2img", **small, send_images=False)) == []


def test_png_info_reads_what_txt2img_wrote(client, post, small):
    image = client.txt2img(**small).image
    reply = post("png-info", image=encoded_with_text(image)).json()
    assert reply["info"] == image.info["parameters"]
    assert reply["parameters"]["Steps"] == "2"
    assert (reply["parameters"]["Size-1"], reply["parameters"]["Seed"]) == ("64", "7")


def encoded_with_text(image):
    import webuiapi

    return webuiapi.raw_b64_img(image)


class Job(threading.Thread):
    """A request in the background."""

    def __init__(self, post, **payload):
        super().__init__()
        self.post, self.payload = post, payload
        self.start()

    def run(self):
        self.reply = self.post("txt2img", **self.payload)


def wait_for_step(get, least=1):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        progress = get("progress?skip_current_image=true")
        if progress["state"]["sampling_step"] >= least:
            return progress
        time.sleep(0.02)
    raise AssertionError("no step was reported")


def test_progress_then_interrupt(client, post, get, small):
    assert get("progress")["progress"] == 0
    job = Job(post, **{**small, "steps": 150, "width": 128, "height": 128})
    first = wait_for_step(get)
    later = wait_for_step(get, first["state"]["sampling_step"] + 2)
    assert 0 < first["progress"] < later["progress"] <= 1
    assert later["state"]["job"] == "scripts_txt2img" and later["state"]["sampling_steps"] == 150
    assert client.interrupt() == {}
    job.join(60)
    assert job.reply.status_code == 200
    assert get("progress")["state"]["job_count"] == 0


def test_skip_goes_on_to_the_next_image(client, post, get, small):
    job = Job(post, **{**small, "steps": 20, "n_iter": 2, "width": 128, "height": 128})
    wait_for_step(get)
    client.skip()
    job.join(120)
    assert json.loads(job.reply.json()["info"])["all_seeds"] == [7, 8]
    assert images_of(job.reply)[-1].info["parameters"].count("Seed: 8,") == 1


def test_jobs_wait_for_each_other(post, small):
    jobs = [Job(post, **small) for _ in range(3)]
    for job in jobs:
        job.join(120)
    times = sorted(json.loads(job.reply.json()["info"])["extra_generation_params"]["Ran"] for job in jobs)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(times)), times
