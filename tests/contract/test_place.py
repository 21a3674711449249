"""`place` moves the subject in one job, and that job only; pasted, it is the same job."""

import numpy as np
from contract.subjects import BACKGROUND, DISC, SCENE, fbc, fc, iclight

PLACE = {"x": 0.25, "y": 0.7, "scale": 0.5}


def test_txt2img(client):
    plain = client.once(relight=fc(light="left"))
    moved = client.send(relight=fc(light="left", place=PLACE))
    assert (client.send(relight=fc(light="left")).pixels() == plain.pixels()).all()
    assert (moved.pixels() != plain.pixels()).any()
    assert "Relight place: \"0.25, 0.7, 0.5\"" in moved.infotexts[0]
    pasted = client.send(relight=fc(light="left", place="0.25, 0.7, 0.5"))
    assert (pasted.pixels() == moved.pixels()).all() and pasted.infotexts == moved.infotexts


def test_the_kept_background_is_the_new_one(client):
    reply = client.send(relight=fbc(place=PLACE, keep_background=True))
    pixels = reply.pixels()[..., 0]
    assert np.ptp(pixels[:20], axis=1).max() == 0 and (np.diff(pixels[:, 60]) >= 0).all(), "a gradient from top to bottom"
    assert np.ptp(pixels[44]) > 20, "the subject in front of it"


def test_img2img(client):
    fields = {"init_images": [SCENE], "denoising_strength": 0.9}
    reply = client.send("img2img", relight=iclight(background=BACKGROUND, mask=DISC, matting="mask", place=PLACE, output="rgba"), **fields)
    assert "Relight place" in reply.infotexts[0]
    assert np.asarray(reply.image(len(reply.png) - 1))[..., 3][:, 32:].max() == 0, "the cut-out is in the left half"
    nowhere = client.send("img2img", relight=fc(light="left", place={"x": 2, "y": 0.5, "scale": 0.1}), **fields)
    assert (nowhere.status, nowhere.body["detail"]) == (
        422, "`place` 2, 0.5, 0.1 puts the subject outside of the image; choose x and y nearer to 0.5.")
