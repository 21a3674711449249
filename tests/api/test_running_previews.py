"""Previews by HTTP while they run: computed once, cancelled, and out of a job's way; the long steps of a job."""

import http.client
import json
import threading
import time
from urllib.parse import urlparse

import numpy as np
import pytest
import requests
from api.preview_samples import PHOTO, SIZE, SUBJECT, TALL, extras, images_of, photo
from encoding import encoded
from sd_relight.lib_relight.packages import optional

needs_rembg = pytest.mark.skipif(bool(optional.missing("matting")),
                                 reason="rembg and onnxruntime are not installed (python install.py matting)")
MINUTES = {"foreground": PHOTO, "matting": "minutes", "light": "left"}


@pytest.fixture(scope="module")
def counters(host):
    return lambda: requests.get(f"{host.url}/relight/v1/status", timeout=60).json()["counters"]


def moved(before, after):
    return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}


@needs_rembg
def test_a_second_preview_computes_nothing_and_the_job_uses_its_matte(preview, send_job, counters):
    iclight = {"foreground": PHOTO, "matting": "quick", "light": "left"}
    before = counters()
    first = images_of(preview("matte", iclight=iclight))
    assert moved(before, counters()) == {"mattes": 1, "matte_sessions": 1}
    before = counters()
    np.testing.assert_array_equal(images_of(preview("matte", iclight={**iclight, "light": "top"}))[0], first[0])
    preview("foreground", iclight={**iclight, "matte_feather": 2})
    assert moved(before, counters()) == {"matte_hits": 2}
    before = counters()
    np.testing.assert_array_equal(extras(send_job(iclight={**iclight, "extras": True}))["matte"], first[0])
    assert "mattes" not in moved(before, counters())


def start(call, *args, **kwargs):
    """The call in a thread; wait() gives its answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call(*args, **kwargs)))
    thread.start()

    def wait(seconds=60):
        thread.join(seconds)
        assert not thread.is_alive(), "still busy"
        return answers[0]

    wait.busy = thread.is_alive
    return wait


@pytest.fixture
def until_cutting(host):
    """until_cutting() waits until a matting model runs."""
    def wait():
        deadline = time.monotonic() + 60
        while not requests.get(f"{host.url}/probe/matting", timeout=30).json():
            assert time.monotonic() < deadline, "no matting model runs"
            time.sleep(0.05)

    return wait


@needs_rembg
def test_a_preview_is_cancelled_by_its_id(host, preview, counters, until_cutting):
    before = counters()
    reply = start(preview, "matte", iclight=MINUTES, id="mine")
    until_cutting()
    cancel = f"{host.url}/relight/v1/preview/cancel"
    started = time.monotonic()
    assert requests.post(cancel, json={"id": "another"}, timeout=10).json() == {"cancelled": 0}
    assert requests.get(f"{host.url}/relight/v1/status", timeout=5).status_code == 200
    assert time.monotonic() - started < 3, "the host's event loop was blocked"
    assert reply.busy()
    assert requests.post(cancel, json={"id": "mine"}, timeout=10).json() == {"cancelled": 1}
    reply = reply(20)
    assert (reply.status_code, reply.json()["detail"]) == (409, "The preview was cancelled.")
    assert "mattes" not in moved(before, counters())


@needs_rembg
def test_a_client_that_disconnects_ends_its_preview(host, preview, until_cutting):
    connection = http.client.HTTPConnection(urlparse(host.url).netloc)
    connection.request("POST", "/relight/v1/preview/matte", json.dumps({**SIZE, "iclight": MINUTES}), {"Content-Type": "application/json"})
    until_cutting()
    connection.close()
    started = time.monotonic()
    other = {**MINUTES, "matting": "quick", "foreground": TALL}
    assert preview("matte", iclight=other).status_code == 200, "which waits for the model that the first one runs"
    assert time.monotonic() - started < 20


@needs_rembg
def test_a_preview_during_a_job_changes_nothing_of_it(preview, send_job):
    iclight = {"foreground": SUBJECT, "light": "left"}
    alone = send_job(payload={"steps": 12}, iclight=iclight).json()["images"]
    running = start(send_job, payload={"steps": 12}, iclight=iclight)
    shown = 0
    while running.busy():
        shown += all(preview(kind, iclight={**iclight, "foreground": encoded(photo(shown)), "matting": "quick"}).status_code == 200
                     for kind in ("matte", "foreground", "light"))
        shown += preview("crop", ip_adapter=[{"model": "ip-adapter", "image": PHOTO}]).status_code == 200
    assert shown >= 2
    assert running().json()["images"] == alone


def named_steps(host, running):
    """Every sentence that the progress bar showed while the job ran, in order."""
    texts = []
    while running.busy():
        text = requests.get(f"{host.url}/sdapi/v1/progress", params={"skip_current_image": True}, timeout=30).json()["textinfo"]
        if text and (not texts or texts[-1] != text):
            texts.append(text)
        time.sleep(0.02)
    return texts


@needs_rembg
def test_every_long_step_has_its_name_in_the_progress_bar(host, send_job):
    request = {"iclight": {"foreground": encoded(photo(33)), "matting": "seconds", "light": "left"},
               "ip_adapter": [{"model": "ip-adapter", "image": [TALL] * 24}]}
    running = start(send_job, payload={"steps": 8, "width": 192, "height": 192}, **request)
    texts = named_steps(host, running)
    assert running().status_code == 200
    found = [text.removeprefix("Relight: ") for text in texts]
    slow = ["cutting out the subject with seconds", "encoding the image prompt for ip-adapter", "sampling"]
    assert [text for text in found if text in slow] == slow, texts
    quick = {"loading the matting model seconds", "encoding the subject", "encoding the light", "merging the weights",
             "computing keys and values of ip-adapter", "reading iclight_fc.safetensors"}
    assert set(found) - set(slow) <= quick, texts
    assert requests.get(f"{host.url}/sdapi/v1/progress", timeout=30).json()["textinfo"] is None, "and it is cleared at the end"


@needs_rembg
@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_an_interrupt_while_matting_leaves_no_image(host, send_job, until_cutting, tab):
    before = host.console()
    fields = {"init_images": [SUBJECT]} if tab == "img2img" else {}
    plain = send_job(tab, payload=fields).json()["images"]
    running = start(send_job, tab, payload=fields, iclight=MINUTES)
    until_cutting()
    assert "cutting" in requests.get(f"{host.url}/sdapi/v1/progress", timeout=30).json()["textinfo"]
    requests.post(f"{host.url}/sdapi/v1/interrupt", timeout=30)
    reply = running(20)
    assert reply.status_code == 200 and reply.json()["images"] == []
    assert send_job(tab, payload=fields).json()["images"] == plain
    assert "Traceback" not in host.console().removeprefix(before)
