"""IP-Adapter: the reference pulls the hue, alone and together with IC-Light."""

import pytest
import torch
from sd_relight.training.metrics import centre_disc, has_hue, hue_distance, lit_difference, mean_inside
from semantic.relighting import ANGLES, LEAST_CONTRAST, SIZE, Objects, as_tensor, job, relight_from_noise

pytestmark = pytest.mark.same_everywhere
COUNT = 6
PROMPT = "a clay ball, light"


@pytest.fixture(scope="module")
def references():
    return Objects(COUNT, seed=3001)


def unit(references, i, weight):
    return {"model": "ip-adapter", "image": references.image(i), "weight": weight}


def middle_colour(images):
    return mean_inside(images, centre_disc(SIZE, 0.3).expand(len(images), 1, -1, -1))


@pytest.fixture(scope="module")
def made(host, references):
    """{weight: images}, the same noise and words: every reference at weight 1, two of them at weight 0."""
    def run(i, weight):
        request = {"ip_adapter": [unit(references, i, weight)]}
        return as_tensor(host.txt2img(job(request, prompt=PROMPT)).images[0])

    return {weight: torch.cat([run(i, weight) for i in range(count)]) for weight, count in ((0.0, 2), (1.0, COUNT))}


def test_the_object_takes_the_references_hue(made, references):
    wanted = mean_inside(references.images.target, (references.images.alpha > 0.5).float())
    coloured = has_hue(wanted)
    plain = middle_colour(made[0.0][:1]).expand(COUNT, -1)
    without, with_reference = (hue_distance(c, wanted)[coloured].mean() for c in (plain, middle_colour(made[1.0])))
    assert with_reference < without / 2, (without, with_reference)


def test_at_weight_0_the_reference_does_nothing(host, made):
    """Two references and none at all: one image, byte for byte."""
    plain = job({}, prompt=PROMPT)
    plain.pop("alwayson_scripts")
    without = as_tensor(host.txt2img(plain).images[0])
    assert torch.equal(made[0.0][:1], without) and torch.equal(made[0.0][1:], without)


@pytest.mark.parametrize("light", ["left", "right"])
def test_with_a_reference_the_light_still_comes_from_its_side(host, objects, references, light):
    args = {"ip_adapter": [unit(references, 0, 1.0)], "iclight": {"foreground": objects.subject(1), "light": light}}
    relit = as_tensor(host.txt2img(job(args, prompt=objects.prompt(1))).images[0])
    assert lit_difference(relit, objects.alpha(1), ANGLES[light]) > LEAST_CONTRAST
    plain = relight_from_noise(host, objects, 1, {"light": light})
    assert not torch.equal(plain, relit)
