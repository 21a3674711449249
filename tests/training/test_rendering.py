"""Tests the renderer, which is the reference of the semantic tests."""

import numpy as np
import pytest
import torch
from iclight.gradients import gradient
from sd_relight.training.dataset import chunk_scenes
from sd_relight.training.metrics import lit_difference
from sd_relight.training.rendering import held_out_scenes, light_ramp, render, to_uint8
from sd_relight.training.scenes import DIRECTIONS
from sd_relight.training.tokenizer import WORDS

COUNT, SIZE = 12, 64


@pytest.fixture(scope="module")
def scenes():
    return held_out_scenes(COUNT)


@pytest.fixture(scope="module")
def images(scenes):
    return render(scenes, SIZE)


def test_the_same_seed_gives_the_same_images(images):
    again = render(held_out_scenes(COUNT), SIZE)
    assert torch.equal(again.target, images.target)
    assert not torch.equal(render(held_out_scenes(COUNT, seed=1001), SIZE).target, images.target)


def test_normals_are_unit_vectors_that_face_the_viewer(images):
    inside = images.alpha[:, 0] == 1
    normal = images.normal.permute(0, 2, 3, 1)[inside]
    np.testing.assert_allclose(normal.norm(dim=1), 1, atol=1e-4)
    assert (normal[:, 2] > -0.05).float().mean() > 0.99  # thin edges of a cube may look away a little


def test_a_balls_normals_point_away_from_its_centre(images):
    alpha, normal = images.alpha[0, 0], images.normal[0]
    half = SIZE // 2
    inside = alpha > 0.99
    assert normal[0, :, half:][inside[:, half:]].mean() > 0.2 > -0.2 > normal[0, :, :half][inside[:, :half]].mean()
    assert normal[1, :half][inside[:half]].mean() > 0.2 > -0.2 > normal[1, half:][inside[half:]].mean()


def test_objects_and_walls_are_brighter_on_the_lights_side(scenes, images):
    angles = torch.tensor([s.angle for s in scenes])
    assert (lit_difference(images.target, images.alpha, angles) > 0).all()
    assert (lit_difference(images.background, torch.ones_like(images.alpha), angles) > 0).all()


def test_outside_the_object_the_condition_is_grey_127(images):
    outside = images.alpha[:, 0] == 0
    assert (to_uint8(images.foreground)[outside.numpy()] == 127).all()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_ramp_is_iclights_light_map(name):
    """At most one grey level away: the original truncates."""
    expected = gradient(name, SIZE, SIZE, 255, 0).astype(int)
    ours = to_uint8(light_ramp(DIRECTIONS[name], SIZE))[0].astype(int)
    assert np.abs(ours - expected).max() <= 1


def test_prompts_use_only_words_of_the_vocabulary():
    _, notes = chunk_scenes(seed=1, chunk=0)
    words = {w for note in notes for prompt in note["prompts"] for w in prompt.replace(",", " , ").split()}
    assert words <= set(WORDS)
    assert {"left", "right", "top", "bottom"} & words
