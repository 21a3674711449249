"""`output` rgba adds the relit subject with transparency; the results stay as they are."""

import numpy as np
import pytest
from contract.subjects import DISC, SCENE, fc, iclight
from encoding import opened

MASKED = {"init_images": [SCENE], "mask": DISC, "inpaint_full_res": True, "inpaint_full_res_padding": 8, "denoising_strength": 0.9}


def named(reply, name):
    first = len(reply.png) - len(reply.infotexts)
    return [opened(data) for data, text in zip(reply.png[first:], reply.infotexts, strict=True)
            if text == f"Relight {name}"]


def test_txt2img(client):
    plain = client.once(relight=fc(light="left"))
    reply = client.send(relight=fc(light="left", output="rgba", extras=True))
    (cut_out,), (matte,) = named(reply, "cut-out"), named(reply, "matte")
    assert (reply.pixels() == plain.pixels()).all()
    assert (cut_out.mode, cut_out.size) == ("RGBA", plain.size)
    levels, alpha = np.asarray(cut_out).astype(int), np.asarray(matte.convert("L"))
    assert (levels[..., 3] == alpha).all() and 0 < (alpha == 255).sum() < alpha.size
    assert (levels[alpha == 255][:, :3] == plain.pixels()[alpha == 255]).all()
    assert "Relight output: rgba" in cut_out.text["parameters"] and cut_out.text["parameters"] == reply.infotexts[0]


def test_each_image_of_a_set_has_its_own(client):
    reply = client.send(relight=fc(set="sides", output="rgba"))
    cut_outs = named(reply, "cut-out")
    assert ["Relight light: " + side in image.text["parameters"] for side, image in
            zip(("left", "right", "top", "bottom"), cut_outs, strict=True)] == [True] * 4


@pytest.mark.parametrize("fields", [{"init_images": [SCENE], "denoising_strength": 0.9}, MASKED])
def test_img2img(client, fields):
    reply = client.send("img2img", relight=iclight(light="left", mask=DISC, matting="mask", output="rgba"), **fields)
    (cut_out,) = named(reply, "cut-out")
    levels = np.asarray(cut_out).astype(int)
    assert cut_out.size == reply.size and levels[32, 32, 3] == 255 and levels[0, 0, 3] == 0
    assert (levels[32, 32, :3] == reply.pixels()[32, 32]).all()


def test_messages(client):
    reply = client.send(relight=fc(output="psb"))
    assert (reply.status, reply.body["detail"]) == (422, "`output` is 'psb'; choose one of result, rgba, psd, png16, exr.")
