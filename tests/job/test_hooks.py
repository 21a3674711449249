"""Errors after sampling keep the image and are reported; interrupts before sampling leave no image."""

from types import SimpleNamespace

from PIL import Image
from sd_relight.lib_relight.base.errors import OUT_OF_MEMORY
from sd_relight.lib_relight.base.progress import Stopped
from sd_relight.lib_relight.hosts.state import JobState
from sd_relight.lib_relight.job import hooks
from sd_relight.lib_relight.matting import matting

RESULT = Image.new("RGB", (8, 8))


class BrokenJob:
    host = SimpleNamespace(progress=lambda text: None)

    def finish(self, p, image, index):
        raise RuntimeError("no such colour")

    def added_images(self, p, images, count):
        raise RuntimeError("no such matte")


def test_a_fault_in_a_repair_leaves_the_image_and_is_reported(monkeypatch, capsys):
    messages = []
    monkeypatch.setattr(hooks, "current_host", lambda: SimpleNamespace(notify=lambda p, sentence: messages.append(sentence)))
    p = SimpleNamespace(relight=JobState(BrokenJob()), batch_size=1)
    pp, processed = SimpleNamespace(image=RESULT, index=0), SimpleNamespace(images=[RESULT], infotexts=["text"])
    hooks.postprocess_image(p, pp)
    hooks.postprocess(p, processed)
    assert pp.image is RESULT and processed.images == [RESULT] and p.relight.job is None
    assert [sentence.split(";")[0] for sentence in messages] == [
        "Relight failed inside (RuntimeError: no such colour)", "Relight failed inside (RuntimeError: no such matte)"]
    assert "RuntimeError: no such colour" in capsys.readouterr().err


def test_a_job_without_memory_releases_the_models_that_prepare_images(monkeypatch):
    failures = []
    monkeypatch.setattr(hooks, "current_host", lambda: SimpleNamespace(fail=lambda p, error, *rest: failures.append(error)))
    monkeypatch.setitem(matting.sessions, "a model", object())
    p = SimpleNamespace(relight=JobState(None), extra_generation_params={})
    with hooks.fails_job(p):
        raise ValueError("no lack of memory")
    assert matting.sessions
    with hooks.fails_job(p):
        raise MemoryError
    assert not matting.sessions and len(failures) == 2


def test_lack_of_memory_after_sampling_releases_them_too(monkeypatch):
    messages = []
    monkeypatch.setattr(hooks, "current_host", lambda: SimpleNamespace(notify=lambda p, sentence: messages.append(sentence)))
    monkeypatch.setitem(matting.sessions, "a model", object())
    with hooks.keeps_image(SimpleNamespace()):
        raise MemoryError
    assert not matting.sessions and messages == [OUT_OF_MEMORY]


class InterruptedJob:
    """Stops in the hook that is named, as every long step does once the user has interrupted."""

    host = SimpleNamespace(progress=lambda text: None)

    def prepare(self, p):
        raise Stopped

    def apply(self, p, x, noise):
        raise Stopped


def interrupted(hook, **fields):
    messages = []
    p = SimpleNamespace(relight=JobState(InterruptedJob()), extra_generation_params={"Relight": "proof"}, comment=messages.append,
                        batch_size=2, do_not_save_samples=False, **fields)
    hook(p)
    assert p.relight.job is None and p.extra_generation_params == {}
    assert messages == ["Relight: interrupted before sampling; no unfinished image is kept."]
    return p


def test_an_interrupt_before_sampling_needs_nothing_more():
    p = interrupted(hooks.process)
    assert not p.do_not_save_samples, "hosts begin no batch then"


def test_an_interrupt_right_before_a_batch_keeps_the_finished_ones():
    p = interrupted(lambda p: hooks.before_sampling(p, None, None), iteration=1)
    assert p.do_not_save_samples and p.do_not_save_grid
    images = ["grid", "one", "two", "no light", "no light"]
    processed = SimpleNamespace(images=list(images), infotexts=list(images), index_of_first_image=1)
    hooks.postprocess(p, processed)
    assert processed.images == processed.infotexts == ["grid", "one", "two"]


def test_an_interrupt_right_before_the_first_batch_keeps_nothing():
    p = interrupted(lambda p: hooks.before_sampling(p, None, None), iteration=0)
    processed = SimpleNamespace(images=["no light"], infotexts=["text"], index_of_first_image=0)
    hooks.postprocess(p, processed)
    assert processed.images == processed.infotexts == []
