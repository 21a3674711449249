"""Normal maps from four relit images: against exact lights on a sphere, and the original's formula written out."""

import numpy as np
import pytest
import torch
from sd_relight.lib_iclight.normals import encode_normals, even_light, normals_from_relights
from semantic import normals as reference

LIGHTS = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}


def sphere(size=129):
    """(normals [H, W, 3], matte [H, W]) of a ball that fills the image."""
    x, y = np.meshgrid(np.linspace(-1.05, 1.05, size), np.linspace(1.05, -1.05, size))
    inside = x**2 + y**2 < 1
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    return np.where(inside[..., None], np.stack([x, y, z], -1), (0.0, 0.0, 1.0)), inside.astype(float)


def test_the_formula_is_the_originals():
    relights = np.random.default_rng(3).random((4, 24, 32, 3))
    matte = np.random.default_rng(4).random((24, 32))
    as_tensors = {name: torch.from_numpy(image).permute(2, 0, 1)[None] for name, image in zip(LIGHTS, relights)}
    expected = reference.normals_from_relights(as_tensors, torch.from_numpy(matte)[None, None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(normals_from_relights(relights, matte), expected, atol=1e-12)


def test_signs_follow_the_lit_side_and_length_is_one():
    truth, matte = sphere()
    relights = np.stack([np.repeat(0.5 + 0.2 * (truth @ (dx, dy, 0))[..., None], 3, -1) for dx, dy in LIGHTS.values()])
    found = normals_from_relights(relights, matte)
    inside = matte > 0
    assert (found[~inside] == (0, 0, 1)).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-9)
    for axis in (0, 1):
        assert np.corrcoef(found[inside][:, axis], truth[inside][:, axis])[0, 1] > 0.9


def test_black_images_and_no_matte():
    assert (normals_from_relights(np.zeros((4, 5, 6, 3))) == (0, 0, 1)).all()
    assert (even_light(np.ones((4, 5, 6, 3))) == 1).all()


@pytest.mark.parametrize(("normal", "colour"), [((0, 0, 1), (127, 127, 255)), ((1, 0, 0), (255, 127, 127)), ((-1, 0, 0), (0, 127, 127))])
def test_normals_as_colours(normal, colour):
    assert encode_normals(np.array([[normal]], float)).tolist() == [[list(colour)]]
