"""Rejected IP-Adapter requests: 422 with the message, one [Relight] line on the console, no traceback."""

import pytest
from contract.adapter_files import BASE, CUT, FACE, HALF, LORA_FILE, OTHER_ENCODER, PLUS, POINTER, SDXL, WEB_PAGE, lay_adapters
from contract.client import assert_rejected
from contract.subjects import SCENE, fc


def unit(model=BASE, **fields):
    return {"model": model, "image": SCENE, **fields}


def rejected(*units, sentence):
    return {"ip_adapter": list(units)}, sentence


MISTAKES = {
    "no such adapter": rejected(unit("nowhere"), sentence="`model` of an `ip_adapter` unit is 'nowhere', but no such file is in"),
    "no model": rejected({"model": "", "image": SCENE}, sentence="`model` is ''; it must be a text"),
    "no image": rejected({"model": BASE}, sentence=f"`image` of the `ip_adapter` unit '{BASE}' is missing; add an image"),
    "LoRA in place of the adapter": rejected(unit(LORA_FILE), sentence=f"`{LORA_FILE}.safetensors` is a LoRA, not an adapter"),
    "web page": rejected(unit(WEB_PAGE), sentence=f"`{WEB_PAGE}.safetensors` is a web page \\(60 bytes\\), not weights"),
    "LFS pointer": rejected(unit(POINTER), sentence=rf"`{POINTER}.bin` is a git-LFS pointer of \d+ bytes"),
    "half an adapter": rejected(unit(HALF), sentence=f"`{HALF}.safetensors` has no `image_proj` part, only half"),
    "damaged header": rejected(unit(CUT), sentence=rf"`{CUT}.safetensors` is (truncated: it has \d+ bytes|damaged)"),
    "adapter for SDXL": rejected(unit(SDXL), sentence=rf"`{SDXL}.safetensors` is for SDXL \(70 layers, .*but the checkpoint is "
                                                     r".*\(16 layers, .*pick an adapter for it"),
    "no encoder of its width": rejected(unit(OTHER_ENCODER), sentence=rf"`{OTHER_ENCODER}.safetensors` needs .*projection width "
                                                                     r"\d+\), but .* is .*; put the right encoder into"),
    "FaceID without face": rejected(unit(FACE), sentence="FaceID needs a face detector, such as det_10g.onnx|No face"),
    "embedding of a wrong length": rejected({"model": FACE, "embedding": [0.1] * 100}, sentence="`embedding` of an `ip_adapter` unit is .*; give the 512 finite numbers of ArcFace"),
    "family that its shapes exclude": rejected(unit(family="faceid"), sentence="`family` is 'faceid', but .* can only be light or base"),
    "no such family": rejected(unit(family="best"), sentence="`family` is 'best'; choose one of auto, base"),
    "five units": rejected(*[unit()] * 5, sentence="`ip_adapter` has 5 units; at most 4 work together"),
    "unknown field": rejected(unit(weigth=1), sentence="`ip_adapter` has no field `weigth`; did you mean `weight`?"),
    "a field and its alias": rejected(unit(start=0.1, guidance_start=0.2), sentence="`ip_adapter` gives both `start` and its other"),
    "weight out of range": rejected(unit(weight=9), sentence="`weight` is 9; it must be a number from -1 to 5"),
    "wrong type": rejected(unit(weight="much"), sentence="`weight` is 'much'; it must be a number"),
    "no such weight type": rejected(unit(weight_type="soft"), sentence="`weight_type` is 'soft'; choose one of linear, ease in"),
    "layer weights": rejected(unit(layer_weights="99:1"), sentence="`layer_weights` is '99:1'; write pairs such as"),
    "start after end": rejected(unit(start=0.8, end=0.2), sentence="`start` is 0.8 and `end` is 0.2; start must not be after end"),
    "box without a box": rejected(unit(crop="box"), sentence="`crop` is 'box' but `crop_box` is empty"),
    "Fooocus' file is not there": rejected(unit(uncond="fooocus"), sentence="`uncond` is 'fooocus' but fooocus_ip_negative.safet"),
    "uncond image without one": rejected(unit(uncond="image"), sentence="`uncond` is 'image' but `negative_image` is missing"),
    "tiled with two images": rejected(unit(PLUS, image=[SCENE, SCENE], tiled=True), sentence="`tiled` works with one image, but the unit .* has 2"),
    "subject without iclight": rejected(unit(image="subject"), sentence="An `ip_adapter` unit asks for the 'subject', but there is"),
    "not an image": rejected(unit(image="aGVsbG8="), sentence=r"`image` is no image in a supported format \(5 bytes\)"),
    "mask that is no image": rejected(unit(mask="%%%"), sentence="`mask` is not valid base64"),
    "units of a wrong type": ({"ip_adapter": 3}, "`ip_adapter` is 3; it must be a list of objects"),
}


@pytest.fixture(scope="module", autouse=True)
def adapters(client):
    lay_adapters(client)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_txt2img(client, mistake):
    relight, sentence = MISTAKES[mistake]
    assert_rejected(client, sentence, lambda: client.send(relight=relight))


def test_a_mistake_in_the_second_unit_stops_the_light_too(client):
    relight = {**fc(light="left"), "ip_adapter": [unit(), unit("nowhere")]}
    assert_rejected(client, "`model` of an `ip_adapter` unit is 'nowhere'", lambda: client.send(relight=relight))


def test_broken_files_are_not_offered(client):
    offered = client.status()["ip_adapter_models"]
    assert {BASE, PLUS} <= set(offered)
    assert not {WEB_PAGE, POINTER, HALF, CUT, LORA_FILE} & set(offered)


def test_plain_after_all_these(client):
    assert client.send().png == client.plain.png
