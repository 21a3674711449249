"""A matting run can be stopped at every step and in the middle, and never runs beside another one."""

import threading
import time

import numpy as np
import pytest
from decoding import decoded
from matting import tiny_onnx
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_relight.base import caches
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.base.progress import Progress, Stopped
from sd_relight.lib_relight.job import subject
from sd_relight.lib_relight.matting import inference, matting
from sd_relight.lib_relight.packages import optional
from sd_relight.lib_relight.request.request import IcLightImages

needs_rembg = pytest.mark.skipif(bool(optional.missing("matting")),
                                 reason="rembg and onnxruntime are not installed (python install.py matting)")
ROUNDS = 3000
"""Minutes of work on one core."""


@pytest.fixture
def slow(folder):
    (folder / "slow.onnx").write_bytes(tiny_onnx.slow(320, ROUNDS))
    return "slow"


class Stop:
    """steps.is_stopped() from the sentence with this word on; messages: all of them."""

    def __init__(self, word):
        self.word, self.messages, self.now = word, [], threading.Event()
        self.steps = Progress(self.hear, self.now.is_set)

    def hear(self, sentence):
        self.messages.append(sentence)
        if self.word in sentence:
            self.now.set()


@needs_rembg
@pytest.mark.parametrize(("word", "count"), [("loading", 1), ("cutting", 2)])
def test_a_stop_between_steps(folder, ramp, word, count):
    (folder / "tiny.onnx").write_bytes(tiny_onnx.mean_of_channels(320))
    stop = Stop(word)
    with pytest.raises(Stopped):
        matting.matte(ramp, "tiny", stop.steps)
    assert len(stop.messages) == count
    assert matting.matte(ramp, "tiny").max() == 1, "and the next one works"


@needs_rembg
def test_a_stop_in_the_middle_of_a_run(slow, ramp):
    stop = Stop("nothing")
    threading.Timer(1.5, stop.now.set).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        matting.matte(ramp, slow, stop.steps)
    assert time.monotonic() - started < 30, "the whole run takes minutes"
    assert caches.counters["mattes"] == 0 and not inference.running.locked()


@needs_rembg
def test_a_stop_while_waiting_for_another_run(slow, ramp):
    first, second = Stop("nothing"), Stop("nothing")
    run = threading.Thread(target=lambda: pytest.raises(Stopped, matting.matte, ramp, slow, first.steps))
    run.start()
    while "cutting out the subject with slow" not in first.messages:
        assert run.is_alive(), first.messages
        time.sleep(0.02)
    threading.Timer(0.3, second.now.set).start()
    with pytest.raises(Stopped):
        matting.matte(ramp.rotate(90), slow, second.steps)
    assert run.is_alive(), "the first run goes on"
    assert second.messages == [], "the second never began"
    first.now.set()
    run.join()


@needs_rembg
def test_who_waited_for_the_same_image_takes_its_matte(folder, ramp):
    (folder / "slow.onnx").write_bytes(tiny_onnx.slow(320, 60))
    found = []
    threads = [threading.Thread(target=lambda: found.append(matting.matte(ramp, "slow"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert caches.counters["mattes"] == 1 and caches.counters["matte_hits"] == 2
    np.testing.assert_array_equal(found[0], found[2])


# --- the edge tools on a subject ---------------------------------------------------------------------------------------


def disc(rgba=True):
    ys, xs = np.mgrid[:64, :64]
    inside = ((xs - 32) ** 2 + (ys - 32) ** 2 <= 20 * 20).astype(np.uint8) * 255
    return decoded(Image.fromarray(np.dstack([np.full((64, 64, 3), 200, np.uint8), inside])))


def share(**params):
    return float(subject.cut_out(disc(), IcLightParams(**params), IcLightImages()).alpha.mean())


def test_the_tools_change_the_subjects_matte():
    plain = share()
    assert share(matte_grow=4) > plain * 1.2 and share(matte_grow=-4) < plain * 0.8
    soft = subject.cut_out(disc(), IcLightParams(matte_feather=3), IcLightImages()).alpha
    assert ((soft > 0.05) & (soft < 0.95)).mean() > 0.1


def test_tools_that_leave_nothing():
    with pytest.raises(RelightError) as caught:
        share(matte_grow=-30)
    assert caught.value.detail == ("Nothing of the subject is left by `matte_threshold` 0 and `matte_grow` -30; lower the "
                                   "threshold, or shrink less.")
