"""What a job hands over besides its result: a contact shadow, layers, precise passes; plain jobs stay as they are."""

import re

import pytest
from contract.subjects import DISC, SCENE, fbc, fc, iclight

ON_SCENE = {"init_images": [SCENE], "denoising_strength": 0.9}


def regenerated(client, text, wanted, make):
    """Send the fields that an infotext names, and compare the image."""
    pairs = re.findall(r"Relight (light|light angle|shadow|shadow softness|output|passes): ([^,\n]+)", text)
    fields = {name.replace(" ", "_"): value if value.isalpha() or name == "passes" else float(value) for name, value in pairs}
    assert fields.keys() & {"shadow", "output", "passes"}
    assert (client.send(relight=make(**fields)).pixels() == wanted).all()


@pytest.mark.usefixtures("undone")
def test_a_shadow_on_the_painted_background(client):
    plain = client.once(relight=fc(light="left")).pixels()
    assert (client.send(relight=fc(light="left", shadow=0)).pixels() == plain).all()
    reply = client.send(relight=fc(light="left", shadow=0.8, shadow_softness=0.25))
    shadow, inside = reply.pixels(), slice(24, 40)
    assert (shadow <= plain).all() and (shadow[56:62, 44:] < plain[56:62, 44:]).mean() > 0.5
    assert (shadow[inside, inside] == plain[inside, inside]).all(), "the subject is in front of its shadow"
    regenerated(client, reply.infotexts[0], shadow, fc)


def test_a_shadow_on_the_kept_background(client):
    fields = {"light": "left", "mask": DISC, "matting": "mask", "keep_background": True}
    plain, shadow = (client.send("img2img", relight=iclight(**fields, shadow=strength), **ON_SCENE).pixels() for strength in (0, 0.8))
    assert (shadow[:4] == plain[:4]).all() and (shadow[32, 32] == plain[32, 32]).all()
    assert shadow[46:52].sum() < 0.95 * plain[46:52].sum() and (shadow <= plain).all()


def test_a_shadow_on_the_new_background_is_what_the_model_sees(client):
    plain, reply = (client.send(relight=fbc(light="left", shadow=strength, extras=True)) for strength in (0, 0.8))
    assert reply.infotexts[-2:] == plain.infotexts[-2:] and "Relight background" in reply.infotexts
    place = plain.infotexts.index("Relight background") - len(plain.infotexts)
    shadow, before = (one.pixels(len(one.png) + place) for one in (reply, plain))
    assert (shadow <= before).all() and shadow[50:].sum() < 0.95 * before[50:].sum()
    assert (reply.pixels() != plain.pixels()).any()
