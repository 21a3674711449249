"""Faults after sampling: the picture stays, and what went wrong is said."""

from types import SimpleNamespace

from PIL import Image
from sd_relight.lib_relight import hooks

RESULT = Image.new("RGB", (8, 8))


class BrokenJob:
    host = SimpleNamespace(progress=lambda text: None)

    def finish(self, p, image, index):
        raise RuntimeError("no such colour")

    def extras(self, size):
        raise RuntimeError("no such matte")


def test_a_fault_in_a_repair_leaves_the_picture_and_is_said(monkeypatch, capsys):
    said = []
    monkeypatch.setattr(hooks, "current_host", lambda: SimpleNamespace(say=lambda p, sentence: said.append(sentence)))
    p = SimpleNamespace(relight_job=BrokenJob(), batch_size=1)
    pp, processed = SimpleNamespace(image=RESULT, index=0), SimpleNamespace(images=[RESULT], infotexts=["text"])
    hooks.postprocess_image(p, pp)
    hooks.postprocess(p, processed)
    assert pp.image is RESULT and processed.images == [RESULT] and p.relight_job is None
    assert [sentence.split(";")[0] for sentence in said] == [
        "Relight failed inside (RuntimeError: no such colour)", "Relight failed inside (RuntimeError: no such matte)"]
    assert "RuntimeError: no such colour" in capsys.readouterr().err
