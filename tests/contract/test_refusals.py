"""Rejected IC-Light requests: 422 with the message in `detail`, one [Relight] line on the console, no traceback."""

import pytest
from contract.client import assert_rejected
from contract.subjects import DISC, FOREGROUND, SCENE, fc, iclight
from encoding import encoded
from PIL import Image

POINT = encoded(Image.new("RGB", (1, 1)))
BANNER = encoded(Image.new("L", (20000, 16)))
CUT = FOREGROUND[: len(FOREGROUND) // 2 // 4 * 4]

MISTAKES = {
    "no foreground": (iclight(light="left"), "`foreground` is missing: txt2img needs the subject's image"),
    "fbc without background": (fc(model="fbc"), "fbc needs a `background`; add one"),
    "fc with a background": (fc(model="fc", background=SCENE), "`background` is given but the model is fc"),
    "no such model": (fc(model="fcon"), "No IC-Light fcon model was found; put iclight_sd15_fcon.safetensors"),
    "no such file": (fc(model="nowhere.safetensors"), "`model` is 'nowhere.safetensors', but no such file is in"),
    "HTML as model": (fc(model="a_web_page"), r"`a_web_page.safetensors` is a web page \(1200 bytes\), not weights"),
    "LFS pointer as model": (fc(model="a_pointer"), r"`a_pointer.safetensors` is a git-LFS pointer of \d+ bytes"),
    "truncated model": (fc(model="cut_short"), r"`cut_short.safetensors` is truncated: it has \d+ bytes and its header asks for \d+"),
    "model for SDXL": (fc(model="for_sdxl"), "`for_sdxl.safetensors` is made for SDXL; IC-Light exists for SD 1.5 only"),
    "VAE as model": (fc(model="a_vae"), "`a_vae.safetensors` is a VAE, not IC-Light weights"),
    "not an image": (iclight(foreground="aGVsbG8="), r"`foreground` is no image in a supported format \(5 bytes\)"),
    "half an image": (iclight(foreground=CUT), "`foreground` could not be decoded"),
    "not base64": (iclight(foreground="%%%"), "`foreground` is not valid base64"),
    "an address": (iclight(foreground="https://example.com/a.png"), "`foreground` is a URL; Relight loads no URLs"),
    "1 pixel": (iclight(foreground=POINT), "`foreground` is 1x1 pixels; it must have at least 16"),
    "20000 pixels": (iclight(foreground=BANNER), "`foreground` is 20000x16 pixels; scale it to at most 16384"),
    "image of a wrong type": (iclight(foreground=17), "`foreground` is int; send one image as base64"),
    "unknown field": (fc(ligth="left"), "`iclight` has no field `ligth`; did you mean `light`?"),
    "unknown part": ({"iclights": {}}, "`Relight` has no field `iclights`; did you mean `iclight`?"),
    "nothing to do": ({}, "`Relight` names nothing to do; add `iclight`"),
    "part of a wrong type": ({"iclight": ["left"]}, "`iclight` is list; it must be an object"),
    "unknown light": (fc(light="lft"), "`light` is 'lft'.*left"),
    "out of range": (fc(reinforce=1.5), "`reinforce` is 1.5.*1"),
    "wrong type": (fc(reinforce="much"), "`reinforce` is 'much'"),
    "truth as text": (fc(background_flip="False"), "`background_flip` is 'False'; it must be true or false"),
    "wrong colour": (fc(light="left", light_color="orange"), "`light_color` is 'orange'; write it as #rrggbb"),
    "custom without map": (fc(light="custom"), "`light` is 'custom' but `light_map` is missing"),
    "map without custom": (fc(light="left", light_map=SCENE), "`light_map` is given but `light` is 'left'"),
    "no mask": (fc(matting="mask"), "`matting` is 'mask' but `mask` is missing"),
    "unused mask": (fc(matting="none", mask=DISC), "`mask` is given but `matting` is 'none'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_txt2img(client, mistake):
    relight, sentence = MISTAKES[mistake]
    assert_rejected(client, sentence, lambda: client.send(relight=relight))


def test_img2img_image_of_one_pixel(client):
    """The init image is the subject and is rejected as such; the embedded host rejects it before any script sees it."""
    def send():
        return client.send("img2img", relight=iclight(light="left"), init_images=[POINT])

    if client.name == "embedded":
        reply = send()
        assert (reply.status, reply.body["detail"]) == (422, "`init_images` is 1x1 pixels; it must have at least 16 pixels a side.")
    else:
        assert_rejected(client, "`the img2img image` is 1x1 pixels; it must have at least 16", send)


def test_more_img2img_images_than_a_batch_has(client):
    """The hosts themselves end such a job with "bad number of images passed" and status 500."""
    assert_rejected(client, "img2img has 3 images, but the batch size is 2; set the batch size to 3, or send fewer images.",
                    lambda: client.send("img2img", relight=iclight(light="left"), init_images=[SCENE] * 3, batch_size=2))


def test_img2img_unknown_field(client):
    assert_rejected(client, "`iclight` has no field `nois`",
                   lambda: client.send("img2img", relight=iclight(nois=1), init_images=[SCENE]))


def test_checkpoint_of_another_family(client):
    """The probe has the checkpoint pretend to be SDXL while Relight looks at it."""
    assert_rejected(client, "The checkpoint is sdxl; IC-Light needs an SD 1.5 checkpoint. Choose one and generate again.",
                   lambda: client.send(relight=fc(), before={"family": "sdxl"}, after={"family": "sd15"}))
    assert client.send(relight=fc()).status == 200


def test_plain_after_all_these(client):
    assert client.send().png == client.plain.png


def test_a_refiner_which_would_finish_the_image_without_relight(client):
    sentence = "Relight cannot work together with a refiner, which exchanges the model while sampling; set the refiner to None"
    assert_rejected(client, sentence, lambda: client.send(relight=fc(), refiner_checkpoint="another", refiner_switch_at=0.5))
