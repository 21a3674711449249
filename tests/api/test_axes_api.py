"""Relight's axes in an X/Y/Z plot, on the embedded host with a stand-in of the hosts' script."""

import json

import pytest
import requests
from encoding import encoded
from PIL import Image
from sd_relight.lib_relight.request.xyz_axes import axes

LABELS = ["Nothing", *(axis.label for axis in axes())]


@pytest.fixture(scope="module")
def plot(host):
    """plot(relight dict, (axis label, values), …) -> (status, list of infotexts or the refusal's text)."""
    subject = encoded(Image.new("RGB", (64, 64), (180, 90, 60)))

    def run(relight, x, y=("Nothing", "")):
        if "iclight" in relight:
            relight = {**relight, "iclight": {"matting": "none", "foreground": subject, **relight["iclight"]}}
        arguments = [LABELS.index(x[0]), x[1], LABELS.index(y[0]), y[1]]
        reply = requests.post(f"{host.url}/sdapi/v1/txt2img", timeout=120, json={
            "prompt": "a vase", "steps": 1, "width": 64, "height": 64, "seed": 1, "script_name": "x/y/z plot",
            "script_args": arguments, "alwayson_scripts": {"Relight": {"args": [relight]}}})
        if not reply.ok:
            return reply.status_code, reply.text
        return reply.status_code, json.loads(reply.json()["info"])["infotexts"]

    return run


def entry(infotext, key):
    return next((part.split(": ", 1)[1] for part in infotext.split(", ") if part.startswith(f"{key}: ")), None)


def test_every_cell_has_its_own_light_and_reports_it(plot):
    status, texts = plot({"iclight": {"light": "top"}}, ("[Relight] Light", "left, none, right"),
                         ("[Relight] Keep subject colours (before sampling)", "0, 0.5"))
    assert status == 200 and len(texts) == 6
    assert [entry(text, "Relight light") for text in texts] == ["left", None, "right"] * 2
    assert [entry(text, "Relight reinforce") for text in texts] == [None] * 3 + ["0.5"] * 3
    assert all('Relight: "fc, ' in text for text in texts)
    assert texts[0].startswith("[Relight] Light: left\n")


def test_an_angle_makes_the_light_an_angle(plot):
    status, texts = plot({"iclight": {}}, ("[Relight] Light angle", "0, 90"))
    assert [(entry(text, "Relight light"), entry(text, "Relight light angle")) for text in texts] == [
        ("angle", None), ("angle", "90")]


def test_cells_with_a_set(plot):
    """A cell shows the first image of its set; the next cell is a whole job again."""
    status, texts = plot({"iclight": {"light": "top"}}, ("[Relight] Set of lights", "sides, none, directions"),
                         ("[Relight] Keep subject colours (before sampling)", "0, 0.5"))
    assert status == 200
    assert [entry(text, "Relight light") for text in texts] == ["left", "top", "left"] * 2
    assert [entry(text, "Relight reinforce") for text in texts] == [None] * 3 + ["0.5"] * 3


def test_a_wrong_value_stops_the_plot_before_its_first_cell(plot):
    status, text = plot({"iclight": {}}, ("[Relight] Light", "left, north"))
    assert status == 422 and "`light` is 'north'; choose one of none, left" in text


def test_a_plot_of_lights_without_a_light_is_rejected(plot):
    status, text = plot({"enabled": False}, ("[Relight] Light", "left"))
    assert status == 422 and "The X/Y/Z plot varies [Relight] Light, but Relight is off; leave `enabled` out, or choose" in text


def test_the_axes_are_there_once(host):
    assert requests.get(f"{host.url}/plot/axes", timeout=30).json() == LABELS
