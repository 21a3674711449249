"""Previews by HTTP: they show exactly what the job then uses."""

import numpy as np
import pytest
from api.preview_samples import PHOTO, SIZE, SUBJECT, TALL, encoder_images, extras, images_of
from encoding import encoded
from PIL import Image


@pytest.mark.parametrize("edges", [{}, {"matte_grow": -3, "matte_feather": 2}, {"matte_threshold": 0.5, "matte_grow": 4}])
def test_matte_foreground_and_light_are_those_of_the_job(preview, send_job, edges):
    iclight = {"foreground": SUBJECT, "light": "angle", "light_angle": 30, "light_color": "#ffb46b", "light_gamma": 2, **edges}
    used = extras(send_job(iclight={**iclight, "extras": True}))
    matte, subject = images_of(preview("matte", iclight=iclight))
    np.testing.assert_array_equal(matte, used["matte"])
    assert subject.shape == (64, 64, 4)
    np.testing.assert_array_equal(subject[..., 3], matte)
    np.testing.assert_array_equal(images_of(preview("foreground", iclight=iclight))[0], used["foreground"])
    np.testing.assert_array_equal(images_of(preview("light", iclight=iclight))[0], used["light map"])


def test_the_edge_tools_are_in_the_infotext(send_job):
    reply = send_job(iclight={"foreground": SUBJECT, "light": "left", "matte_grow": -3, "matte_feather": 1.5})
    text = reply.json()["info"]
    assert "Relight matte grow: -3" in text and "Relight matte feather: 1.5" in text and "threshold" not in text


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_img2img_takes_its_own_image_by_the_resize_mode(preview, send_job, mode):
    body = {"init_images": [SUBJECT], "resize_mode": mode}
    used = extras(send_job("img2img", payload=body, iclight={"light": "left", "extras": True}))
    shown = images_of(preview("foreground", tab="img2img", iclight={"light": "left"}, **body))
    np.testing.assert_array_equal(shown[0], used["foreground"])


def test_the_shaded_light_map_is_the_jobs_and_takes_a_normal_map(preview, send_job):
    iclight = {"foreground": SUBJECT, "light": "left", "light_elevation": 40, "lights": [{"light": "spot", "light_elevation": -50}]}
    used = extras(send_job(iclight={**iclight, "extras": True}))["light map"]
    np.testing.assert_array_equal(images_of(preview("light", iclight={**iclight, "normal_map": "matte"}))[0], used)
    flat = encoded(Image.new("RGB", (64, 64), (128, 128, 255)))
    assert (images_of(preview("light", iclight={**iclight, "normal_map": flat}))[0] != used).any()
    answer = preview("light", iclight={**iclight, "normal_map": "no base64"})
    assert answer.status_code == 422 and answer.json()["detail"].startswith("`normal_map` is no image in a supported format")


def test_the_light_of_a_photograph_is_copied_into_lights(preview, send_job):
    found = preview("light-from", iclight={"light_from": SUBJECT}).json()["info"]["lights"]
    assert found[-1]["light"] == "ambient" and all(light["light"] == "angle" for light in found[:-1])
    copied = extras(send_job(iclight={"foreground": SUBJECT, "light_from": SUBJECT, "extras": True}))["light map"]
    np.testing.assert_array_equal(images_of(preview("light", iclight={"foreground": SUBJECT, "lights": found}))[0], copied)


@pytest.mark.parametrize(("iclight", "sentence"), [
    ({"light": "left"}, "`light_from` is missing: it is the image whose light is copied; add it to `iclight`."),
    ({"light_from": "no base64"}, "`light_from` is no image in a supported format"),
])
def test_a_light_that_cannot_be_copied_is_an_error(preview, iclight, sentence):
    answer = preview("light-from", iclight=iclight)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(sentence)


def test_fbc_without_a_background_shows_the_light_as_background(preview, send_job):
    iclight = {"foreground": SUBJECT, "light": "right", "model": "fbc"}
    used = extras(send_job(iclight={**iclight, "extras": True}))
    reply = preview("light", iclight=iclight)
    np.testing.assert_array_equal(images_of(reply)[0], used["background"])
    assert reply.json()["info"]["kind"] == "fbc"


def test_a_light_needs_no_subject(preview):
    light = images_of(preview("light", iclight={"light": "left"}, width=80, height=48))[0]
    assert light.shape == (48, 80, 3) and (light[0, 0] == 255).all() and (light[-1, -1] == 0).all()


@pytest.mark.parametrize("unit", [
    {"crop": "center"}, {"crop": "pad"}, {"crop": "stretch"}, {"crop": "box", "crop_box": [0.1, 0.2, 0.6, 0.9]}, {"tiled": True},
    {"image_mask": encoded(Image.linear_gradient("L").resize((96, 72)))},
], ids=lambda unit: unit.get("crop") or next(iter(unit)))
def test_a_crop_is_what_the_encoder_sees(preview, send_job, unit):
    unit = {"model": "ip-adapter", "image": PHOTO, **unit}
    request = {"iclight": {"foreground": SUBJECT, "light": "left", "extras": True}, "ip_adapter": [unit]}
    seen = encoder_images(send_job(**request))
    shown = images_of(preview("crop", **request))
    assert len(shown) == (2 if "tiled" in unit else 1)
    for one, other in zip(shown, seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_crops_of_several_images_and_of_the_subject(preview, send_job):
    request = {"iclight": {"foreground": SUBJECT, "light": "left", "extras": True},
               "ip_adapter": [{"model": "ip-adapter", "image": [PHOTO, TALL]}, {"model": "ip-adapter", "image": "subject"}]}
    seen = encoder_images(send_job(**request))
    reply = preview("crop", **request)
    assert reply.json()["info"]["names"] == ["unit 1, picture 1", "unit 1, picture 2", "unit 2, picture 1"]
    for one, other in zip(images_of(reply), seen, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(images_of(preview("crop", unit=2, **request))) == 1


def test_only_masked_shows_what_the_job_samples(preview, send_job):
    """Bit for bit the job's own extras: subject, matte and light map of the crop alone."""
    mask = Image.new("L", (96, 72))
    mask.paste(255, (56, 8, 80, 30))
    fields = {"init_images": [SUBJECT], "resize_mode": 1, "mask": encoded(mask), "mask_blur": 2, "inpaint_full_res": True,
              "inpaint_full_res_padding": 6}
    relight = {"light": "left", "extras": True}
    used = extras(send_job("img2img", iclight=relight, payload={**SIZE, **fields, "denoising_strength": 0.9}))
    for kind, name in (("foreground", "foreground"), ("matte", "matte"), ("light", "light map")):
        shown = images_of(preview(kind, tab="img2img", iclight=relight, **fields))[0]
        np.testing.assert_array_equal(shown, used[name])
