"""Relight jobs over HTTP: every documented payload, and the message for every mistake."""

import json

import numpy as np
import pytest
from encoding import encoded, opened
from PIL import Image, ImageDraw

FC, FBC = "fc, ", "fbc, "


def cut_out_subject():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((16, 12, 48, 60), fill=(180, 90, 60, 255))
    return image


SUBJECT = encoded(cut_out_subject())
OPAQUE = encoded(cut_out_subject().convert("RGB"))
MASK = encoded(cut_out_subject().getchannel("A"))
RAMP = encoded(Image.linear_gradient("L").resize((64, 64)).convert("RGB"))
BACKGROUND = encoded(Image.new("RGB", (96, 64), (30, 60, 160)))


class Answer:
    """One answer: its images as arrays, its infotexts, the proof that Relight wrote."""

    def __init__(self, reply):
        assert reply.status_code == 200, reply.text
        body = reply.json()
        self.images = [opened(x) for x in body["images"]]
        self.info = json.loads(body["info"])

    @property
    def pixels(self):
        return np.asarray(self.images[0].convert("RGB")).astype(int)

    @property
    def entries(self):
        return self.info["extra_generation_params"]

    @property
    def proof(self):
        return self.entries["Relight"]


@pytest.fixture(scope="module")
def job():
    return {"prompt": "a vase", "steps": 2, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0,
            "sampler_name": "Euler", "denoising_strength": 0.9}


@pytest.fixture
def relit(post, job):
    """relit(light="left") -> Answer of a txt2img job; `request` replaces the whole dict, other tabs by `tab`."""
    def run(tab="txt2img", request=None, payload=None, **iclight):
        request = request or {"iclight": {"foreground": SUBJECT, **iclight}}
        return post(tab, **{**job, **(payload or {})}, alwayson_scripts={"Relight": {"args": [request]}})

    return run


@pytest.fixture
def plain(post, job):
    return Answer(post("txt2img", **job)).pixels


def rejected(reply):
    """The sentence of a 422 answer."""
    assert reply.status_code == 422, reply.text
    body = reply.json()
    assert set(body) >= {"error", "detail", "errors"}
    return body["detail"]


def test_the_panel_is_listed(get):
    entry = next(x for x in get("script-info") if x["name"] == "relight" and not x["is_img2img"])
    assert entry["is_alwayson"] and entry["args"][0] == {"label": "Relight", "value": False, "minimum": None,
                                                         "maximum": None, "step": None, "choices": None}
    light = next(x for x in entry["args"] if x["label"] == "Light")
    assert {"none", "left", "right", "top", "bottom", "ambient", "custom"} <= set(light["choices"])


def test_a_request_without_relight_is_a_plain_job(plain, post, job):
    for request in ({"enabled": False, "iclight": {"light": "left"}}, {"iclight": {"enabled": False}}):
        reply = post("txt2img", **job, alwayson_scripts={"Relight": {"args": [request]}})
        np.testing.assert_array_equal(Answer(reply).pixels, plain)


def test_the_documented_request(relit, plain):
    answer = Answer(relit(model="auto", background=None, light="left"))
    assert answer.proof.startswith(f"{FC}left, ")
    accepted, offered = answer.proof.split(", ")[2].split()[0].split("/")
    assert accepted == offered and int(accepted) > 600
    assert np.abs(answer.pixels - plain).mean() > 4
    assert "Relight light: left" in answer.images[0].info["parameters"]
    assert len(answer.images) == 1


def test_the_job_after_it_is_bit_equal_to_the_job_before(relit, plain, post, job):
    relit(light="right")
    relit(light="left", background=BACKGROUND)
    relit(light="nowhere")
    np.testing.assert_array_equal(Answer(post("txt2img", **job)).pixels, plain)


def test_the_same_request_gives_the_same_image(relit):
    first, second = (Answer(relit(light="top")).pixels for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("light", ["none", "left", "right", "top", "bottom", "top-left", "top-right", "bottom-left",
                                   "bottom-right", "ambient"])
def test_every_light(relit, light):
    answer = Answer(relit(light=light))
    assert answer.proof.startswith(f"{FC}{light}, ")


def test_the_light_comes_from_where_it_was_asked(relit, job):
    """Demo models, img2img from the light map: the image's halves differ with the right sign."""
    def difference(light):
        image = Answer(relit("img2img", {"iclight": {"light": light}},
                               {"init_images": [SUBJECT], "steps": 8, "width": 128, "height": 128})).pixels
        return image[:, 64:].mean() - image[:, :64].mean()

    assert difference("right") - difference("left") > 20


@pytest.mark.parametrize("iclight", [
    {"light": "angle", "light_angle": 30}, {"light": "spot", "light_x": 0.2, "light_y": 0.8, "light_radius": 0.4},
    {"light": "left", "light_color": "#ffb46b", "light_gamma": 2.0},
    {"lights": [{"light": "left", "light_color": "#ff0000"}, {"light": "right", "light_color": "#0000ff"}]},
])
def test_shaped_and_several_lights(relit, iclight):
    plain_light = Answer(relit(light="top"))
    assert np.abs(Answer(relit(**iclight)).pixels - plain_light.pixels).max() > 0


@pytest.mark.parametrize("iclight", [{"light_start": 200, "light_end": 20}, {"reinforce": 0.5}, {"detail": 0.5},
                                     {"detail": 0.5, "detail_sigma": 1.5}, {"color_hold": 0.5},
                                     {"condition_scale": 0.5}])
def test_a_field_changes_the_image_and_is_in_the_infotext(relit, iclight):
    before, after = Answer(relit(light="left")), Answer(relit(light="left", **iclight))
    assert np.abs(before.pixels - after.pixels).max() > 0
    for name, value in iclight.items():
        assert after.entries[f"Relight {name.replace('_', ' ')}"] == f"{value:g}"


def test_custom_light(relit):
    answer = Answer(relit(light="custom", light_map=RAMP))
    assert answer.proof.startswith(f"{FC}custom, ")
    assert len(answer.entries["Relight light map hash"]) == 10


def test_a_background_chooses_fbc(relit):
    answer = Answer(relit(background=BACKGROUND))
    flipped = Answer(relit(background=RAMP, background_flip=True))
    assert answer.proof.startswith(FBC) and flipped.entries["Relight background flip"] == "True"


@pytest.mark.parametrize("model", ["fc", "iclight_fc", "iclight_fc.safetensors"])
def test_a_model_by_kind_stem_or_file(relit, model):
    assert Answer(relit(light="left", model=model)).proof.startswith(FC)


def test_fbc_by_name_takes_the_light_as_background(relit):
    assert Answer(relit(light="left", model="fbc")).proof.startswith(f"{FBC}left, ")


@pytest.mark.parametrize("iclight", [{"matting": "alpha"}, {"matting": "none"},
                                     {"matting": "mask", "mask": MASK, "foreground": OPAQUE}])
def test_mattings(relit, iclight):
    assert Answer(relit(light="left", **iclight)).proof.startswith(FC)


def test_alpha_and_mask_that_say_the_same_give_the_same(relit):
    by_alpha = Answer(relit(light="left", foreground=SUBJECT, matting="alpha")).pixels
    by_mask = Answer(relit(light="left", foreground=OPAQUE, matting="mask", mask=MASK)).pixels
    np.testing.assert_array_equal(by_alpha, by_mask)


def test_img2img_takes_the_init_image_as_subject(relit):
    answer = Answer(relit("img2img", {"iclight": {"light": "left"}}, {"init_images": [SUBJECT]}))
    assert answer.proof.startswith(f"{FC}left, ")


def test_keep_background(relit):
    request = {"iclight": {"light": "left", "keep_background": True, "matting": "mask", "mask": MASK}}
    answer = Answer(relit("img2img", request, {"init_images": [OPAQUE]}))
    np.testing.assert_allclose(answer.pixels[:8, :8], 0, atol=3)


def test_hires_with_every_option(relit):
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "hr_additional_modules": ["Use same choices"]}
    images = {option: Answer(relit(payload=hires, light="left", hr_option=option)) for option in ("both", "low", "high")}
    assert {answer.images[0].size for answer in images.values()} == {(128, 128)}
    assert np.abs(images["both"].pixels - images["low"].pixels).max() > 0


def test_extras_are_images_with_their_names(relit):
    answer = Answer(relit(light="left", extras=True))
    assert len(answer.images) > 1
    names = [image.info["parameters"] for image in answer.images[1:]]
    assert all(name.startswith("Relight ") for name in names) and len(set(names)) == len(names)
    assert answer.info["infotexts"][1:] == names


def test_batches_are_relit_alike(relit):
    answer = Answer(relit(payload={"n_iter": 2, "batch_size": 2}, light="left"))
    assert answer.info["all_seeds"] == [7, 8, 9, 10]
    assert answer.info["infotexts"][-1].count("Relight light: left") == 1


@pytest.mark.parametrize("unit", [
    {"weight": 0.8}, {"weight": 0.8, "start": 0.2, "end": 0.9}, {"weight_type": "linear", "scaling": "V only"},
    {"mask": MASK}, {"crop": "center"}, {"image": [SUBJECT, BACKGROUND], "combine": "concat"},
    {"module": "CLIP-ViT-H (IPAdapter)", "guidance_start": 0.1, "guidance_end": 0.9, "hr_option": "both"},
])
def test_ip_adapter_units(relit, plain, unit):
    answer = Answer(relit(request={"ip_adapter": [{"model": "ip-adapter", "image": BACKGROUND, **unit}]}))
    assert np.abs(answer.pixels - plain).max() > 0
    assert "ip-adapter" in answer.proof


def test_light_and_image_prompt_together(relit):
    unit = {"model": "ip-adapter", "image": BACKGROUND, "weight": 0.8}
    answer = Answer(relit(request={"iclight": {"foreground": SUBJECT, "light": "left"}, "ip_adapter": [unit]}))
    assert answer.proof.startswith(f"{FC}left, ") and "ip-adapter" in answer.proof


@pytest.mark.parametrize("iclight, sentence", [
    ({"lihgt": "left"}, "`iclight` has no field `lihgt`; did you mean `light`?"),
    ({"light": "nowhere"}, "`light` is 'nowhere'; choose one of none, left, right, "),
    ({"light": 3}, "`light` is 3; it must be a text."),
    ({"reinforce": 1.5}, "`reinforce` is 1.5; it must be a number from 0 to 1."),
    ({"detail": "much"}, "`detail` is 'much'; it must be a number from 0 to 1."),
    ({"background_flip": "yes"}, "`background_flip` is 'yes'; it must be true or false."),
    ({"foreground": None}, "`foreground` is missing: txt2img needs the subject's image; "),
    ({"foreground": "no base64!"}, "`foreground` is not valid base64 "),
    ({"foreground": "QUJD"}, "`foreground` is no image in a supported format (3 bytes)"),
    ({"foreground": "http://127.0.0.1/x.png"}, "`foreground` is a URL; Relight loads no URLs"),
    ({"light": "custom"}, "`light` is 'custom' but `light_map` is missing; "),
    ({"matting": "mask"}, "`matting` is 'mask' but `mask` is missing; "),
    ({"model": "fbc"}, "background"),
    ({"model": "no-such-model"}, "no-such-model"),
])
def test_mistakes_in_iclight(relit, iclight, sentence):
    assert sentence in rejected(relit(**iclight))


@pytest.mark.parametrize("request_, sentence", [
    ({"iclihgt": {}}, "`Relight` has no field `iclihgt`; did you mean `iclight`?"),
    ({"iclight": "left"}, "`iclight` is str; it must be an object such as "),
    ({"enabled": "yes", "iclight": {}}, "`enabled` of `Relight` is 'yes'; it must be true or false."),
    ({"ip_adapter": "ip-adapter"}, "`ip_adapter` is 'ip-adapter'; it must be a list of objects"),
    ({"ip_adapter": [{"model": "ip-adapter"}]}, "`image` of the `ip_adapter` unit 'ip-adapter' is missing; "),
    ({"ip_adapter": [{"model": "ip-adapter", "image": BACKGROUND, "weight": 9}]}, "`weight`"),
    ({"ip_adapter": [{"model": "nope", "image": BACKGROUND}]}, "nope"),
    ({}, "`Relight` names nothing to do; "),
])
def test_mistakes_around_it(relit, request_, sentence):
    assert sentence in rejected(relit(request=request_ or {"ip_adapter": []}))


def test_no_hook_of_relight_failed_unseen(host):
    """Last: the hosts print what a hook raises and go on; nothing of that may have happened above."""
    lines = [line for line in host.console().splitlines() if "Error running" in line and "relight.py" in line]
    assert lines == []
