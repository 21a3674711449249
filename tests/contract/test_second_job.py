"""The second identical job reads no weight file, encodes nothing, cuts nothing out and merges nothing: counted, not timed."""

import pytest
from contract import differences
from contract.subjects import BACKGROUND, iclight, subject
from encoding import encoded

FRESH = {name: encoded(subject(colour)) for name, colour in
         {"fc": (11, 60, 90), "fbc": (12, 90, 60), "fc left": (13, 99, 60), "2x2": (14, 60, 60), "img2img": (15, 20, 80)}.items()}
JOBS = {
    "fc": ("txt2img", iclight(foreground=FRESH["fc"]), {}),
    "fc left": ("txt2img", iclight(foreground=FRESH["fc left"], light="left"), {}),
    "2x2": ("txt2img", iclight(foreground=FRESH["2x2"], light="top"), {"batch_size": 2, "n_iter": 2}),
    "img2img": ("img2img", iclight(light="left"), {"init_images": [FRESH["img2img"]], "denoising_strength": 0.9}),
    "fbc": ("txt2img", iclight(foreground=FRESH["fbc"], background=BACKGROUND), {}),
}


@pytest.mark.parametrize("name", JOBS)
def test_the_second_job_does_nothing_again(client, name):
    tab, relight, fields = JOBS[name]
    before = client.status()["counters"]
    first = client.send(tab, relight=relight, **fields)
    between = client.status()
    second = client.send(tab, relight=relight, **fields)
    after = client.status()
    assert first.png == second.png
    assert after["counters"] == between["counters"]
    assert after["merged_weights"] == between["merged_weights"]
    assert between["counters"]["encodes"] > before.get("encodes", 0), "the first one, with a new subject, does encode"


def test_a_file_is_read_once_for_all_jobs(client):
    """fc and fbc: two files, whatever was made with them so far."""
    for relight in (JOBS["fc"][1], JOBS["fbc"][1]):
        assert client.send(relight=relight).status == 200
    assert client.status()["counters"]["weight_reads"] == 2


def test_another_light_merges_nothing(client):
    client.send(relight=JOBS["fc"][1])
    merged = client.status()["merged_weights"]
    if merged == "none between jobs":
        differences.met(client, "no merged set")
        return
    client.send(relight=JOBS["fc left"][1])
    assert client.status()["merged_weights"] == merged
    assert client.send().status == 200
    assert client.status()["merged_weights"] != merged, "a plain job takes the offsets out"
