"""Lights with depth, set-ups, the light of a photograph and even light: the fields of the infotext make the same images again.

The last image of a set is the file that it adds, whose infotext has the set; else it is the image itself.
"""

import json
import re

import pytest
from contract.subjects import FOREGROUND, OTHER, SCENE, fc, iclight

pytestmark = pytest.mark.usefixtures("undone")
PAIR = re.compile(r'Relight ([a-z ]+): ("(?:[^"\\]|\\.)*"|[^,\n]+)')
RAISED = {"light": "left", "light_elevation": 40, "lights": [{"light": "spot", "light_elevation": -50, "intensity": 0.5}]}


def fields_of(text):
    """The fields that an infotext names, without the images; of a field that it names twice the last value."""
    pairs = {name.replace(" ", "_"): json.loads(value) if value[0] == '"' else value for name, value in PAIR.findall(text)}
    named = {name: value for name, value in pairs.items() if not name.endswith(("_hash", "_model"))}
    if "lights" in named:
        named["lights"] = json.loads(named["lights"])
    return {name: float(value) if re.fullmatch(r"-?[\d.]+", str(value)) else value for name, value in named.items()}


@pytest.mark.parametrize("fields, images", [
    (RAISED, {}), (RAISED, {"normal_map": SCENE}), ({"light": "rembrandt", "light_color": "#ffcc99"}, {}), ({"set": "even"}, {})],
    ids=["elevation", "normal map", "set-up", "even"])
def test_the_infotext_makes_the_same_images(client, fields, images):
    reply = client.send(relight=fc(**fields, **images))
    text = reply.image(len(reply.png) - 1).text["parameters"]
    named = fields_of(text)
    assert named.keys() >= fields.keys() - {"light"} and ("Relight normal map hash" in text) == bool(images)
    again = client.send(relight=fc(**named, **images))
    assert again.png == reply.png


def test_the_normal_map_changes_the_image(client):
    assert (client.send(relight=fc(**RAISED)).pixels() != client.send(relight=fc(**RAISED, normal_map=SCENE)).pixels()).any()


def test_the_light_of_a_photograph_is_in_the_infotext_as_numbers(client):
    reply = client.send(relight=fc(light_from=OTHER))
    named = fields_of(reply.infotexts[0])
    assert named["lights"][-1]["light"] == "ambient"
    again = client.send(relight=fc(**named))
    assert (again.pixels() == reply.pixels()).all()


def test_img2img(client):
    job = {"init_images": [FOREGROUND], "denoising_strength": 0.9}
    reply = client.send("img2img", relight=iclight(**RAISED), **job)
    again = client.send("img2img", relight=iclight(**fields_of(reply.infotexts[0])), **job)
    assert (again.pixels() == reply.pixels()).all()
