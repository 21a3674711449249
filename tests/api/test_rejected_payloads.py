"""Payloads that once caused a 500, a plain image, or a read of a server file: each gets a validation error."""

import json

import numpy as np
import pytest
import requests
from encoding import encoded, opened
from PIL import Image

DEEP = b'{"iclight": ' + b'{"lights": [' * 1000 + b"1" + b"]}" * 1000 + b"}"
HUGE = "1" + "0" * 400
FORM = '{"args": [{"iclight": {"light": "left"}}]}.'


def pixels(reply):
    return np.asarray(opened(reply.json()["images"][0]))


IMAGE = encoded(Image.new("RGB", (64, 64), (200, 120, 60)))


@pytest.fixture
def send(host):
    """send("check", body) -> Response of our own route; bytes are sent unchanged."""
    def send(route, body, method="POST", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.request(method, f"{host.url}/relight/v1/{route}", data=data, timeout=30,
                                headers={"content-type": "application/json", **headers})

    return send


@pytest.mark.parametrize("args", [
    [None], [[]], [0], ['{"iclight": {"light": "left", "matting": "none"}}'], ["{", "}"],
    [{"iclight": {"light": "left", "matting": "none"}}, {"ip_adapter": {"model": "ip-adapter", "image": "subject"}}],
], ids=str)
def test_args_of_another_form_never_give_a_plain_image(post, small, args):
    reply = post("txt2img", **small, alwayson_scripts={"Relight": {"args": args}})
    assert reply.status_code == 422 and reply.json()["detail"].endswith(FORM), reply.text


@pytest.mark.parametrize("entries, sentence", [
    ("Relight light: left, Relight light angle: abc, Relight set frames: many", None),
    ("Relight light: lefft", "`light` is 'lefft'; choose one of none, left,"),
    ("Relight detail: nan", "`detail` is nan; it must be a number from 0 to 1."),
    ("Relight IP 1 model: ip-adapter, Relight IP 1 weight: much", "Image 1: `image` of the `ip_adapter` unit 'ip-adapter' is missing"),
    ("CFG scale: high", "`infotext` has 'high' for CFG scale; it must be a number."),
])
def test_an_infotext_of_other_values_is_no_internal_error(post, small, entries, sentence):
    text = f'a ball\nSteps: 2, Sampler: Euler, Size: 64x64, Relight matting: none, {entries}, Relight: "fc, left"'
    reply = post("img2img", **{name: value for name, value in small.items() if name != "cfg_scale"}, init_images=[IMAGE], infotext=text)
    assert reply.status_code == (422 if sentence else 200), reply.text
    assert sentence is None or reply.json()["detail"].startswith(sentence)


def test_args_as_a_json_string_are_rejected(post, small):
    reply = post("txt2img", **small, alwayson_scripts={"Relight": {"args": '{"iclight": {"light": "left"}}'}})
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"].endswith("for 'Relight'; send an object with a list, such as {\"args\": [...]}.")


def test_panel_form_takes_no_files_of_the_server(post, small, host, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "private.png")
    args = host_defaults(host)
    args[0] = True
    names = panel_order()
    args[names.index("iclight")] = False
    args[names.index("unit1_enabled")] = True
    args[names.index("unit1_model")] = "ip-adapter"
    args[names.index("unit1_more")] = [str(tmp_path / "private.png")]
    reply = post("txt2img", **small, alwayson_scripts={"Relight": {"args": args}})
    assert (reply.status_code, reply.json()["detail"]) == (
        422, "Image 1: `image` names a file that was not uploaded in the page; upload it there, or send it as base64.")


def test_a_disabled_part_may_be_nested_only_so_deep(post, small):
    deep = json.loads("[" * 300 + "]" * 300)
    reply = post("txt2img", **small, alwayson_scripts={"Relight": {"args": [{"enabled": False, "iclight": deep}]}})
    assert (reply.status_code, reply.json()["detail"]) == (
        422, "`alwayson_scripts` is nested more than 100 levels deep; send a flatter value.")


def panel_order():
    from sd_relight.lib_relight.request.panel_values import PANEL_ORDER

    return list(PANEL_ORDER)


def host_defaults(host):
    entry = next(x for x in requests.get(f"{host.url}/sdapi/v1/script-info", timeout=60).json()
                 if x["name"] == "relight" and not x["is_img2img"])
    return [argument["value"] for argument in entry["args"]]


@pytest.mark.parametrize("body", [
    DEEP,
    b'{"iclight":{"light":"left"},"denoising_strength":' + HUGE.encode() + b"}",
    b'{"iclight":{"light":"left"},"denoising_strength":NaN}',
    b'{"iclight":{"light_angle":Infinity}}',
    b'{"iclight":{"light_angle":null}}',
    b'{"iclight":{"\\ud800":1}}',
    b'{"iclight":{"model":"\\ud800"}}',
    b'{"ip_adapter":{"model":"ip-adapter","image":"subject","weight":' + HUGE.encode() + b"}}",
    b'{"ip_adapter":{"model":"ip-adapter","embedding":{"a":1}}}',
    b'{"ip_adapter":{"model":"ip-adapter","embedding":[' + HUGE.encode() + b"]}}",
    b'{"ip_adapter":false}', b'{"ip_adapter":[null]}', b'{"enabled":' + HUGE.encode() + b"}",
    b'{"iclight":{"foreground":' + b'{"image":' * 330 + b"1" + b"}" * 331 + b"}",
    json.dumps({"iclight": {"matting": "x" * 100_000}}).encode(),
    json.dumps({"ip_adapter": {"model": "x" * 100_000, "image": "subject"}}).encode(),
], ids=lambda body: body[:60].decode())
def test_check_answers_with_sentences(send, body):
    reply = send("check", body)
    assert reply.status_code in (200, 422), reply.text
    sentences = [reply.json()["detail"]] if reply.status_code == 422 else [
        message["sentence"] for message in reply.json()["errors"]]
    assert sentences and all(len(sentence) < 500 for sentence in sentences)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", HUGE.encode(), b"null", b"64.5", b"true"])
def test_preview_sizes(send, number):
    reply = send("preview/light", b'{"iclight":{"light":"left"},"width":' + number + b"}")
    assert reply.status_code == (200 if number == b"null" else 422), reply.text


def test_preset_with_a_lone_surrogate(send, host):
    reply = send("presets/x", b'{"model":"\\ud800"}', "PUT")
    assert (reply.status_code, reply.json()["detail"]) == (
        422, "`model` has a character that cannot be stored (a lone surrogate); remove it.")
    assert requests.get(f"{host.url}/relight/v1/presets", timeout=30).json() == {"presets": {}}


@pytest.mark.parametrize("headers", [
    {"origin": "https://evil.example"}, {"host": "evil.example"}, {"sec-fetch-site": "cross-site"},
])
def test_foreign_pages_are_rejected(send, host, headers):
    assert send("check", {"iclight": {}}, **headers).status_code == 403
    assert requests.get(f"{host.url}/relight/v1/status", headers=headers, timeout=30).status_code == 403
    assert requests.delete(f"{host.url}/relight/v1/presets/x", headers=headers, timeout=30).status_code == 403


FORGE_UNIT = {
    "batch_image_dir": "", "batch_input_gallery": [], "batch_mask_dir": "", "batch_mask_gallery": [], "control_mode": "Balanced",
    "enabled": True, "generated_image": None, "guidance_end": 1, "guidance_start": 0, "hr_option": "Both", "image": IMAGE,
    "input_mode": "simple", "mask_image": None, "model": "ip-adapter [458b7f40]", "module": "CLIP-ViT-H (IPAdapter)",
    "pixel_perfect": True, "processor_res": 512, "resize_mode": "Crop and Resize", "save_detected_map": True, "threshold_a": 0.5,
    "threshold_b": 0.5, "use_preview_as_input": False, "weight": 1}
CONTROLNET_UNIT = {
    "advanced_weighting": None, "animatediff_batch": False, "batch_image_files": [], "batch_images": "", "batch_keyframe_idx": None,
    "batch_mask_dir": None, "batch_modifiers": [], "control_mode": "Balanced", "effective_region_mask": None, "enabled": True,
    "guidance_end": 1.0, "guidance_start": 0.0, "hr_option": "Both", "image": {"image": IMAGE, "mask": None},
    "inpaint_crop_input_image": False, "input_mode": "simple", "ipadapter_input": None, "is_ui": True, "loopback": False,
    "low_vram": False, "mask": None, "model": "ip-adapter [a]", "module": "ip-adapter_clip_h", "output_dir": "",
    "pixel_perfect": False, "processor_res": 512, "pulid_mode": "Fidelity", "resize_mode": "Crop and Resize",
    "save_detected_map": True, "threshold_a": 0.5, "threshold_b": 0.5, "union_control_type": "Unknown", "weight": 1.0}


@pytest.mark.parametrize("unit", [FORGE_UNIT, CONTROLNET_UNIT], ids=["Forge", "sd-webui-controlnet"])
def test_units_of_other_extensions_clients(post, small, unit):
    plain = post("txt2img", **small, alwayson_scripts={"Relight": {"args": [{"ip_adapter": {"model": "ip-adapter", "image": IMAGE}}]}})
    reply = post("txt2img", **small, alwayson_scripts={"Relight": {"args": [{"ip_adapter": [unit]}]}})
    assert reply.status_code == 200, reply.text
    np.testing.assert_array_equal(pixels(reply), pixels(plain))


def disc(hidden):
    y, x = np.mgrid[0:64, 0:64]
    inside = np.hypot(x - 32, y - 32) < 20
    pixels = np.full((64, 64, 4), (*hidden, 0), np.uint8)
    pixels[inside] = 200, 120, 60, 255
    return encoded(Image.fromarray(pixels))


@pytest.mark.parametrize("fields", [
    lambda disc: {"iclight": {"foreground": disc, "light": "left", "reinforce": 0.5, "detail": 0.5, "color_hold": 0.5}},
    lambda disc: {"iclight": {"foreground": IMAGE, "matting": "none", "background": disc}},
    lambda disc: {"iclight": {"foreground": IMAGE, "matting": "none", "light": "custom", "light_map": disc}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": disc}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": disc, "tiled": True}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": disc, "uncond": "noise"}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": IMAGE, "uncond": "image", "negative_image": disc}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": IMAGE, "mask": disc}},
    lambda disc: {"ip_adapter": {"model": "ip-adapter", "image": IMAGE, "image_mask": disc}},
], ids=["foreground", "background", "light_map", "image", "tiled", "noise", "negative_image", "mask", "image_mask"])
def test_colors_under_alpha_0_reach_no_image(post, small, fields):
    replies = [post("txt2img", **small, alwayson_scripts={"Relight": {"args": [fields(disc(hidden))]}})
               for hidden in ((255, 0, 255), (200, 120, 60))]
    assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
    assert replies[0].json()["images"] == replies[1].json()["images"]


@pytest.mark.parametrize("field", ["image", "mask", "image_mask", "negative_image"])
def test_16_bit_images_equal_8_bit_ones(post, small, field):
    levels = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint16) * 2
    unit = {"model": "ip-adapter", "image": IMAGE, "uncond": "image", "negative_image": IMAGE}
    replies = [post("txt2img", **small, alwayson_scripts={"Relight": {"args": [{"ip_adapter": {**unit, field: encoded(image)}}]}})
               for image in (Image.fromarray(levels * 257), Image.fromarray(levels.astype(np.uint8)))]
    assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
    assert replies[0].json()["images"] == replies[1].json()["images"]
