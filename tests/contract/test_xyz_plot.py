"""The host's X/Y/Z plot with Relight's axes: each cell is the job that its values would make alone."""

import pytest
from contract.subjects import fc

pytestmark = pytest.mark.real_host
PLOT = "x/y/z plot"
TITLES = {"X type": "[Relight] Light", "Y type": "[Relight] Keep subject colours (before sampling)", "Z type": "Nothing"}


@pytest.fixture(scope="module")
def plot(client):
    """plot(relight, light="left, right", reinforce="0, 0.5") -> Reply with every cell's image."""
    script = next(entry for entry in client.get("/sdapi/v1/script-info") if entry["name"] == PLOT and not entry["is_img2img"])
    fixed = {"Include Sub Images": True, "Use text inputs instead of dropdowns": True, "Draw legend": False}

    def make(relight, light, reinforce):
        values = {"X values": light, "Y values": reinforce}
        arguments, seen = [], set()
        for item in script["args"]:
            label = item["label"]
            value = fixed.get(label, item.get("value") or 0)
            if label in TITLES:
                value = item["choices"].index(TITLES[label])
            elif "values" in label:  # the text first, then a dropdown of the same name
                value = [] if label in seen else values.get(label, "")
                seen.add(label)
            arguments.append(value)
        return client.send(relight=relight, script_name=PLOT, script_args=arguments)

    return make


def cells(reply, count):
    """The images of the cells: the grid of all comes first."""
    return [reply.pixels(index) for index in range(1, count + 1)]


def test_every_cell_is_the_job_of_its_values(client, plot):
    reply = plot(fc(light="top"), "left, right", "0, 0.5")
    alone = [client.once(relight=fc(light=light, reinforce=reinforce)) for reinforce in (0, 0.5) for light in ("left", "right")]
    for cell, job in zip(cells(reply, 4), alone):
        assert (cell == job.pixels()).all()
    lit = [text for text in reply.infotexts if "Relight light: " in text]
    assert sum("Relight light: right" in text for text in lit) >= 2
    assert sum("Relight reinforce: 0.5" in text for text in lit) >= 2


def test_every_cell_of_a_set_is_the_set_s_own_job(client, plot):
    reply = plot(fc(set="sides"), "left", "0, 0.5")
    for cell, reinforce in zip(cells(reply, 2), (0, 0.5), strict=True):
        alone = client.once(relight=fc(set="sides", reinforce=reinforce))
        assert (cell == alone.pixels(0)).all()


@pytest.mark.parametrize(("relight", "light", "sentence"), [
    (fc(light="top"), "left, north", "`light` is 'north'; choose one of none, left"),
    ({"enabled": False}, "left", "Relight is off; leave `enabled` out, or choose another axis."),
], ids=["a light that is none", "Relight off"])
def test_a_wrong_axis_is_reported_before_the_first_cell(client, plot, relight, light, sentence):
    reply = plot(relight, light, "0")
    assert reply.status >= 400 and sentence in reply.text


def test_plain_after_the_plots(client):
    assert client.send().png == client.plain.png
