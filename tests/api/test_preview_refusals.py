"""Refused previews by HTTP: with the job's own sentence, or with one about what only a preview takes."""

import pytest
import requests
from api.preview_samples import PHOTO, SUBJECT


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
def test_errors_equal_those_of_the_job(preview, send_job, kind, request_):
    answer = preview(kind, **request_)
    rejected = send_job(**request_) if request_ else send_job(payload={"alwayson_scripts": {"Relight": {"args": [{}]}}})
    assert answer.status_code == rejected.status_code == 422
    assert answer.json()["detail"] == rejected.json()["detail"]
    assert len(answer.json()["detail"]) > 20


def test_img2img_without_an_image(preview):
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
