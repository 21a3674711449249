"""What a job hands over besides its result: a contact shadow, layers, precise passes; plain jobs stay as they are."""

import base64
import io
import re

import numpy as np
import pytest
from contract.subjects import DISC, SCENE, fbc, fc, iclight
from PIL import Image
from psd_reader import read_layers

ON_SCENE = {"init_images": [SCENE], "denoising_strength": 0.9}


def named(reply, name):
    """The files that are added under a name."""
    first = len(reply.png) - len(reply.infotexts)
    return [base64.b64decode(data) for data, text in zip(reply.png[first:], reply.infotexts, strict=True)
            if text == f"Relight {name}"]


def opened(data):
    return Image.open(io.BytesIO(data))


def regenerated(client, text, wanted, make):
    """Send the fields that an infotext names, and compare the image."""
    pairs = re.findall(r"Relight (light|light angle|shadow|shadow softness|output): ([^,\n]+)", text)
    fields = {name.replace(" ", "_"): value if name in ("light", "output") else float(value) for name, value in pairs}
    assert fields.keys() & {"shadow", "output"}
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


@pytest.mark.usefixtures("undone")
def test_layers(client):
    plain = client.once(relight=fc(light="left"))
    reply = client.send(relight=fc(light="left", shadow=0.6, output="psd"))
    (psd,) = named(reply, "layers")
    assert (np.asarray(opened(psd)) == reply.pixels()).all()
    layers = {layer.name: layer.pixels for layer in read_layers(psd)}
    assert list(layers) == ["background", "shadow", "subject", "light map"] and layers["shadow"][..., 3].max() > 60
    subject = layers["subject"]
    opaque = subject[..., 3] == 255
    assert 0.1 < opaque.mean() < 0.9 and (subject[opaque][:, :3] == plain.pixels()[opaque]).all()
    regenerated(client, reply.infotexts[0], reply.pixels(), fc)


@pytest.mark.usefixtures("undone")
def test_passes(client):
    plain = client.once(relight=fc(light="left"))
    reply = client.send(relight=fc(light="left", output="png16", extras=True))
    assert (reply.pixels() == plain.pixels()).all()
    matte, light, rough = (opened(*named(reply, name)) for name in ("matte 16 bit", "light map 16 bit", "light map"))
    assert 0 < (np.asarray(matte) == 65535).sum() < plain.size[0] * plain.size[1]
    assert np.abs(np.asarray(light.convert("RGB")).astype(int) - np.asarray(rough.convert("RGB"))).max() <= 1
    assert "Relight output: png16" in light.text["parameters"] and light.text["parameters"] == reply.infotexts[0]
    regenerated(client, reply.infotexts[0], reply.pixels(), fc)


def test_passes_of_a_set_of_normals(client):
    texts = client.send(relight=fc(set="normals", output="png16")).infotexts
    assert {"Relight normal map 16 bit", "Relight albedo 16 bit"} <= set(texts)
    assert (texts.count("Relight matte 16 bit"), texts.count("Relight light map 16 bit")) == (4, 4)
