"""Previews by HTTP: they show exactly what the job then uses, say the job's sentences, and can be cancelled."""

import base64
import http.client
import io
import json
import threading
import time
from urllib.parse import urlparse

import numpy as np
import pytest
import requests
from PIL import Image, ImageDraw
from sd_relight.lib_relight.packages import optional

needs_rembg = pytest.mark.skipif(bool(optional.missing("matting")),
                                 reason="rembg and onnxruntime are not installed (python install.py matting)")
JOB = {"prompt": "a vase", "steps": 2, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0, "sampler_name": "Euler",
       "denoising_strength": 0.9}
SIZE = {"width": 64, "height": 64}


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decoded(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def photo(hue=90):
    image = Image.linear_gradient("L").resize((96, 72)).convert("RGB")
    ImageDraw.Draw(image).ellipse((20, 10, 60, 66), fill=(220, hue, 60))
    return image


def cut_out():
    image = photo().convert("RGBA")
    alpha = Image.new("L", image.size)
    ImageDraw.Draw(alpha).ellipse((20, 10, 60, 66), fill=255)
    image.putalpha(alpha)
    return image


SUBJECT, PHOTO = encoded(cut_out()), encoded(photo())
TALL = encoded(photo(20).resize((40, 90)))


@pytest.fixture(scope="module")
def preview(host):
    """preview("matte", iclight={...}) -> requests.Response"""
    def send(kind, timeout=120, **body):
        return requests.post(f"{host.url}/relight/v1/preview/{kind}", json={**SIZE, **body}, timeout=timeout)

    return send


@pytest.fixture(scope="module")
def job(host):
    def send(tab="txt2img", timeout=120, payload=None, **request):
        body = {**JOB, **(payload or {})}
        if request:
            body["alwayson_scripts"] = {"Relight": {"args": [request]}}
        return requests.post(f"{host.url}/sdapi/v1/{tab}", json=body, timeout=timeout)

    return send


@pytest.fixture(scope="module")
def counters(host):
    return lambda: requests.get(f"{host.url}/relight/v1/status", timeout=60).json()["counters"]


def pictures(reply):
    assert reply.status_code == 200, reply.text
    return [np.asarray(decoded(text)) for text in reply.json()["images"]]


def extras(reply):
    """Name -> the job's extra images as arrays."""
    assert reply.status_code == 200, reply.text
    images = [decoded(text) for text in reply.json()["images"]]
    return {image.info["parameters"].removeprefix("Relight "): np.asarray(image) for image in images[1:]}


def encoder_pictures(reply):
    """The job's extra images that show what an encoder saw."""
    images = [decoded(text) for text in reply.json()["images"][1:]]
    return [np.asarray(image) for image in images if "IP-Adapter" in image.info["parameters"]]


# --- a preview is what the job uses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edges", [{}, {"matte_grow": -3, "matte_feather": 2}, {"matte_threshold": 0.5, "matte_grow": 4}])
def test_matte_foreground_and_light_are_those_of_the_job(preview, job, edges):
    iclight = {"foreground": SUBJECT, "light": "angle", "light_angle": 30, "light_color": "#ffb46b", "light_gamma": 2, **edges}
    used = extras(job(iclight={**iclight, "extras": True}))
    matte, subject = pictures(preview("matte", iclight=iclight))
    np.testing.assert_array_equal(matte, used["matte"])
    assert subject.shape == (64, 64, 4)
    np.testing.assert_array_equal(subject[..., 3], matte)
    np.testing.assert_array_equal(pictures(preview("foreground", iclight=iclight))[0], used["foreground"])
    np.testing.assert_array_equal(pictures(preview("light", iclight=iclight))[0], used["light map"])


def test_the_edge_tools_are_in_the_infotext(job):
    reply = job(iclight={"foreground": SUBJECT, "light": "left", "matte_grow": -3, "matte_feather": 1.5})
    text = reply.json()["info"]
    assert "Relight matte grow: -3" in text and "Relight matte feather: 1.5" in text and "threshold" not in text


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_img2img_takes_its_own_image_by_the_resize_mode(preview, job, mode):
    body = {"init_images": [SUBJECT], "resize_mode": mode}
    used = extras(job("img2img", payload=body, iclight={"light": "left", "extras": True}))
    shown = pictures(preview("foreground", tab="img2img", iclight={"light": "left"}, **body))
    np.testing.assert_array_equal(shown[0], used["foreground"])


def test_the_shaded_light_map_is_the_jobs_and_takes_a_normal_map(preview, job):
    iclight = {"foreground": SUBJECT, "light": "left", "light_elevation": 40, "lights": [{"light": "spot", "light_elevation": -50}]}
    used = extras(job(iclight={**iclight, "extras": True}))["light map"]
    np.testing.assert_array_equal(pictures(preview("light", iclight={**iclight, "normal_map": "matte"}))[0], used)
    flat = encoded(Image.new("RGB", (64, 64), (128, 128, 255)))
    assert (pictures(preview("light", iclight={**iclight, "normal_map": flat}))[0] != used).any()
    answer = preview("light", iclight={**iclight, "normal_map": "no base64"})
    assert answer.status_code == 422 and answer.json()["detail"].startswith("`normal_map` is no image in a supported format")


def test_the_light_of_a_photograph_is_copied_into_lights(preview, job):
    found = preview("light-from", iclight={"light_from": SUBJECT}).json()["info"]["lights"]
    assert found[-1]["light"] == "ambient" and all(light["light"] == "angle" for light in found[:-1])
    copied = extras(job(iclight={"foreground": SUBJECT, "light_from": SUBJECT, "extras": True}))["light map"]
    np.testing.assert_array_equal(pictures(preview("light", iclight={"foreground": SUBJECT, "lights": found}))[0], copied)


@pytest.mark.parametrize(("iclight", "sentence"), [
    ({"light": "left"}, "`light_from` is missing: it is the image whose light is copied; add it to `iclight`."),
    ({"light_from": "no base64"}, "`light_from` is no image in a supported format"),
])
def test_a_light_that_cannot_be_copied_is_an_error(preview, iclight, sentence):
    answer = preview("light-from", iclight=iclight)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(sentence)


def test_fbc_without_a_background_shows_the_light_as_background(preview, job):
    iclight = {"foreground": SUBJECT, "light": "right", "model": "fbc"}
    used = extras(job(iclight={**iclight, "extras": True}))
    reply = preview("light", iclight=iclight)
    np.testing.assert_array_equal(pictures(reply)[0], used["background"])
    assert reply.json()["info"]["kind"] == "fbc"


def test_a_light_needs_no_subject(preview):
    light = pictures(preview("light", iclight={"light": "left"}, width=80, height=48))[0]
    assert light.shape == (48, 80, 3) and (light[0, 0] == 255).all() and (light[-1, -1] == 0).all()


@pytest.mark.parametrize("unit", [
    {"crop": "center"}, {"crop": "pad"}, {"crop": "stretch"}, {"crop": "box", "crop_box": [0.1, 0.2, 0.6, 0.9]}, {"tiled": True},
    {"image_mask": encoded(Image.linear_gradient("L").resize((96, 72)))},
], ids=lambda unit: unit.get("crop") or next(iter(unit)))
def test_a_crop_is_what_the_encoder_sees(preview, job, unit):
    unit = {"model": "ip-adapter", "image": PHOTO, **unit}
    request = {"iclight": {"foreground": SUBJECT, "light": "left", "extras": True}, "ip_adapter": [unit]}
    seen = encoder_pictures(job(**request))
    shown = pictures(preview("crop", **request))
    assert len(shown) == (2 if "tiled" in unit else 1)
    for one, other in zip(shown, seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_crops_of_several_images_and_of_the_subject(preview, job):
    request = {"iclight": {"foreground": SUBJECT, "light": "left", "extras": True},
               "ip_adapter": [{"model": "ip-adapter", "image": [PHOTO, TALL]}, {"model": "ip-adapter", "image": "subject"}]}
    seen = encoder_pictures(job(**request))
    reply = preview("crop", **request)
    assert reply.json()["info"]["names"] == ["unit 1, picture 1", "unit 1, picture 2", "unit 2, picture 1"]
    for one, other in zip(pictures(reply), seen, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(pictures(preview("crop", unit=2, **request))) == 1


# --- refusals: the job's own sentence ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "request_"), [
    ("matte", {"iclight": {"light": "left"}}),
    ("matte", {"iclight": {"foreground": "no base64"}}),
    ("matte", {"iclight": {"foreground": SUBJECT, "matting": "mask"}}),
    ("matte", {"iclight": {"foreground": PHOTO, "matting": "alpha"}}),
    ("matte", {"iclight": {"foreground": SUBJECT, "matting": "no-such-model"}}),
    ("foreground", {"iclight": {"foreground": SUBJECT, "matte_grow": 65}}),
    ("foreground", {"iclight": {"foreground": SUBJECT, "matte_grow": -60}}),
    ("foreground", {"iclight": {"foreground": SUBJECT, "lihgt": "left"}}),
    ("light", {"iclight": {"foreground": SUBJECT, "light": "custom"}}),
    ("light", {"iclight": {"foreground": SUBJECT, "light": "left", "light_color": "red"}}),
    ("crop", {"ip_adapter": [{"model": "none-such", "image": PHOTO}]}),
    ("crop", {"ip_adapter": [{"model": "ip-adapter"}]}),
    ("crop", {"ip_adapter": [{"model": "ip-adapter", "image": PHOTO, "crop": "box"}]}),
    ("crop", {"ip_adapter": [{"model": "ip-adapter", "image": PHOTO, "crop": "face"}]}),
    ("crop", {"iclight": {"light": "left"}, "ip_adapter": [{"model": "ip-adapter", "image": "subject"}]}),
    ("light", {}),
])
def test_errors_equal_those_of_the_job(preview, job, kind, request_):
    answer = preview(kind, **request_)
    rejected = job(**request_) if request_ else job(payload={"alwayson_scripts": {"Relight": {"args": [{}]}}})
    assert answer.status_code == rejected.status_code == 422
    assert answer.json()["detail"] == rejected.json()["detail"]
    assert len(answer.json()["detail"]) > 20


def test_only_masked_shows_what_the_job_samples(preview, job):
    """Bit for bit the job's own extras: subject, matte and light map of the crop alone."""
    mask = Image.new("L", (96, 72))
    mask.paste(255, (56, 8, 80, 30))
    fields = {"init_images": [SUBJECT], "resize_mode": 1, "mask": encoded(mask), "mask_blur": 2, "inpaint_full_res": True,
              "inpaint_full_res_padding": 6}
    relight = {"light": "left", "extras": True}
    used = extras(job("img2img", iclight=relight, payload={**SIZE, **fields, "denoising_strength": 0.9}))
    for kind, name in (("foreground", "foreground"), ("matte", "matte"), ("light", "light map")):
        shown = pictures(preview(kind, tab="img2img", iclight=relight, **fields))[0]
        np.testing.assert_array_equal(shown, used[name])


def test_img2img_without_a_image(preview):
    reply = preview("matte", tab="img2img", iclight={"light": "left"})
    assert reply.status_code == 422
    assert reply.json()["detail"] == "img2img has no image; add the subject as the img2img image or as `foreground`."


@pytest.mark.parametrize(("kind", "body", "sentence"), [
    ("light", {"iclight": {"light": "none"}}, "There is no light to compute: `light` is none; choose one of left,"),
    ("light", {"iclight": {"light": "left"}, "width": 9000}, "`width` is 9000; it must be a whole number from 16 to 4096."),
    ("light", {"iclight": {"light": "left"}, "height": "64"}, "`height` is '64'; it must be a whole number from 16 to 4096."),
    ("light", {"iclight": {"light": "left"}, "tab": "extras"}, "`tab` is 'extras'; it must be txt2img or img2img."),
    ("light", {"enabled": False, "iclight": {"light": "left"}}, "`enabled` is false, so there is nothing to preview; leave it out."),
    ("light", {"ip_adapter": [{"model": "ip-adapter", "image": PHOTO}]}, "`iclight` is missing: it says where the light comes from;"),
    ("matte", {"ip_adapter": [{"model": "ip-adapter", "image": PHOTO}]}, "`iclight` is missing: only IC-Light has a subject;"),
    ("light", {"iclight": {"light": "left"}, "inpaint_full_res": "yes"}, "`inpaint_full_res` is 'yes'; it must be true or false."),
    ("matte", {"iclight": {}, "init_images": [PHOTO] * 17}, "`init_images` must be a list of at most 16 images as base64."),
    ("crop", {"iclight": {"light": "left"}}, "`ip_adapter` has 0 enabled units, so there is no image to show; add a unit with"),
    ("crop", {"ip_adapter": [{"model": "ip-adapter", "image": PHOTO}], "unit": 2}, "`ip_adapter` has 1 enabled units, so there is"),
])
def test_what_only_a_preview_rejects(preview, kind, body, sentence):
    reply = preview(kind, **body)
    assert reply.status_code == 422 and reply.json()["detail"].startswith(sentence)


@pytest.mark.parametrize(("body", "status", "sentence"), [
    (b"{", 422, "The request's body is not valid JSON ("),
    (b"[1]", 422, "The request's body is list; it must be an object such as {\"iclight\": {\"light\": \"left\"}}."),
    (b" " * (97 * 2**20), 413, "The request has more than 96 MB; send smaller images, or as JPEG."),
])
def test_bodies_that_are_no_request(host, body, status, sentence):
    reply = requests.post(f"{host.url}/relight/v1/preview/light", data=body, timeout=60, headers={"Content-Type": "application/json"})
    assert reply.status_code == status and reply.json()["detail"].startswith(sentence)


def test_a_body_of_another_type(host):
    """What a foreign web page can send without asking."""
    reply = requests.post(f"{host.url}/relight/v1/preview/light", data='{"iclight": {"light": "left"}}', timeout=60,
                          headers={"Content-Type": "text/plain"})
    assert reply.status_code == 415
    assert reply.json()["detail"] == ("The body's type is text/plain; send JSON with the header Content-Type: "
                                      "application/json.")


# --- computed once, cancelled, and out of the way ----------------------------------------------------------------------


def moved(before, after):
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


@needs_rembg
def test_a_second_preview_computes_nothing_and_the_job_uses_its_matte(preview, job, counters):
    iclight = {"foreground": PHOTO, "matting": "quick", "light": "left"}
    before = counters()
    first = pictures(preview("matte", iclight=iclight))
    assert moved(before, counters()) == {"mattes": 1, "matte_sessions": 1}
    before = counters()
    np.testing.assert_array_equal(pictures(preview("matte", iclight={**iclight, "light": "top"}))[0], first[0])
    preview("foreground", iclight={**iclight, "matte_feather": 2})
    assert moved(before, counters()) == {"matte_hits": 2}
    before = counters()
    np.testing.assert_array_equal(extras(job(iclight={**iclight, "extras": True}))["matte"], first[0])
    assert "mattes" not in moved(before, counters())


def start(call, *args, **kwargs):
    """The call in a thread; wait() gives its answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call(*args, **kwargs)))
    thread.start()

    def wait(seconds=60):
        thread.join(seconds)
        assert not thread.is_alive(), "still busy"
        return answers[0]

    wait.busy = thread.is_alive
    return wait


@pytest.fixture
def until_cutting(host):
    """until_cutting() waits until a matting model runs."""
    def wait():
        deadline = time.monotonic() + 60
        while not requests.get(f"{host.url}/probe/matting", timeout=30).json():
            assert time.monotonic() < deadline, "no matting model runs"
            time.sleep(0.05)

    return wait


MINUTES = {"foreground": PHOTO, "matting": "minutes", "light": "left"}


@needs_rembg
def test_a_preview_is_cancelled_by_its_id(host, preview, counters, until_cutting):
    before = counters()
    reply = start(preview, "matte", iclight=MINUTES, id="mine")
    until_cutting()
    cancel = f"{host.url}/relight/v1/preview/cancel"
    started = time.monotonic()
    assert requests.post(cancel, json={"id": "another"}, timeout=10).json() == {"cancelled": 0}
    assert requests.get(f"{host.url}/relight/v1/status", timeout=5).status_code == 200
    assert time.monotonic() - started < 3, "the host's event loop was blocked"
    assert reply.busy()
    assert requests.post(cancel, json={"id": "mine"}, timeout=10).json() == {"cancelled": 1}
    reply = reply(20)
    assert (reply.status_code, reply.json()["detail"]) == (409, "The preview was cancelled.")
    assert "mattes" not in moved(before, counters())


@needs_rembg
def test_a_client_that_disconnects_ends_its_preview(host, preview, until_cutting):
    connection = http.client.HTTPConnection(urlparse(host.url).netloc)
    connection.request("POST", "/relight/v1/preview/matte", json.dumps({**SIZE, "iclight": MINUTES}), {"Content-Type": "application/json"})
    until_cutting()
    connection.close()
    started = time.monotonic()
    other = {**MINUTES, "matting": "quick", "foreground": TALL}
    assert preview("matte", iclight=other).status_code == 200, "which waits for the model that the first one runs"
    assert time.monotonic() - started < 20


@needs_rembg
def test_a_preview_during_a_job_changes_nothing_of_it(preview, job):
    iclight = {"foreground": SUBJECT, "light": "left"}
    alone = job(payload={"steps": 12}, iclight=iclight).json()["images"]
    running = start(job, payload={"steps": 12}, iclight=iclight)
    shown = 0
    while running.busy():
        shown += all(preview(kind, iclight={**iclight, "foreground": encoded(photo(shown)), "matting": "quick"}).status_code == 200
                     for kind in ("matte", "foreground", "light"))
        shown += preview("crop", ip_adapter=[{"model": "ip-adapter", "image": PHOTO}]).status_code == 200
    assert shown >= 2
    assert running().json()["images"] == alone


# --- the job's own steps -----------------------------------------------------------------------------------------------


def named_steps(host, running):
    """Every sentence that the progress bar showed while the job ran, in order."""
    texts = []
    while running.busy():
        text = requests.get(f"{host.url}/sdapi/v1/progress", params={"skip_current_image": True}, timeout=30).json()["textinfo"]
        if text and (not texts or texts[-1] != text):
            texts.append(text)
        time.sleep(0.02)
    return texts


@needs_rembg
def test_every_long_step_has_its_name_in_the_progress_bar(host, job):
    request = {"iclight": {"foreground": encoded(photo(33)), "matting": "seconds", "light": "left"},
               "ip_adapter": [{"model": "ip-adapter", "image": [TALL] * 24}]}
    running = start(job, payload={"steps": 8, "width": 192, "height": 192}, **request)
    texts = named_steps(host, running)
    assert running().status_code == 200
    found = [text.removeprefix("Relight: ") for text in texts]
    slow = ["cutting out the subject with seconds", "encoding the image prompt for ip-adapter", "sampling"]
    assert [text for text in found if text in slow] == slow, texts
    quick = {"loading the matting model seconds", "encoding the subject", "encoding the light", "merging the weights",
             "computing keys and values of ip-adapter", "reading iclight_fc.safetensors"}
    assert set(found) - set(slow) <= quick, texts
    assert requests.get(f"{host.url}/sdapi/v1/progress", timeout=30).json()["textinfo"] is None, "and it is cleared at the end"


@needs_rembg
@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_an_interrupt_while_matting_leaves_no_image(host, job, until_cutting, tab):
    before = host.console()
    fields = {"init_images": [SUBJECT]} if tab == "img2img" else {}
    plain = job(tab, payload=fields).json()["images"]
    running = start(job, tab, payload=fields, iclight=MINUTES)
    until_cutting()
    assert "cutting" in requests.get(f"{host.url}/sdapi/v1/progress", timeout=30).json()["textinfo"]
    requests.post(f"{host.url}/sdapi/v1/interrupt", timeout=30)
    reply = running(20)
    assert reply.status_code == 200 and reply.json()["images"] == []
    assert job(tab, payload=fields).json()["images"] == plain
    assert "Traceback" not in host.console().removeprefix(before)
