"""Results: extra images, one subject per init image, the requested steps."""

from contract.client import difference
from contract.subjects import FOREGROUND, OTHER, SCENE, fbc, fc, iclight

LEAST = 0.2


def test_extras_are_added_when_asked_for(client):
    without, with_extras = client.once(relight=fc(light="left")), client.send(relight=fc(light="left", extras=True))
    assert with_extras.png[:1] == without.png
    names = [text for text in with_extras.infotexts if text.startswith("Relight ")]
    assert names == ["Relight foreground", "Relight matte", "Relight light map"]
    assert len(with_extras.png) == len(without.png) + 3
    assert [with_extras.image(index).size for index in (1, 2, 3)] == [(64, 64)] * 3
    ramp = with_extras.pixels(3)[..., 0].mean(axis=0)
    assert ramp[0] == 255 and ramp[-1] == 0 and (ramp[:-1] >= ramp[1:]).all(), "the light map falls from left to right"


def test_extras_of_fbc(client):
    reply = client.send(relight=fbc(extras=True))
    assert [text for text in reply.infotexts if text.startswith("Relight ")][-1] == "Relight background"


def test_several_init_images_are_several_subjects(client):
    def batch(*subjects):
        return client.send("img2img", relight=iclight(light="left"), init_images=list(subjects), batch_size=2,
                           denoising_strength=0.9)

    mixed, first, second = batch(FOREGROUND, OTHER), batch(FOREGROUND, FOREGROUND), batch(OTHER, OTHER)
    assert len(mixed.png) == len(first.png) == len(second.png) == 2
    assert (mixed.pixels(0) == first.pixels(0)).all()
    assert (mixed.pixels(1) == second.pixels(1)).all()
    assert difference(mixed, first, index=1) > LEAST


def test_img2img_runs_the_steps_that_were_asked_for(client):
    """4 steps at denoise 0.5: a host runs 3 of them, Relight has all 4 run."""
    fields = {"init_images": [SCENE], "denoising_strength": 0.5, "steps": 4, "after": {"wrapper": 1.0}}
    relit = client.send("img2img", relight=iclight(light="left", matting="none"), **fields)
    assert len(client.probe("after")["sigmas"]) == 4
    assert relit.proof.endswith(", 4 steps run of 8")
    client.send("img2img", relight=iclight(light="left", matting="none", compensate_steps=False), **fields)
    assert len(client.probe("after")["sigmas"]) == 3
    client.send("img2img", **fields)
    assert len(client.probe("after")["sigmas"]) == 3
