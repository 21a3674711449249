"""Four relights hold the object's shape: the original's normal map from them agrees with the rendered normals."""

import pytest
import torch
from semantic.normals import normals_from_relights

pytestmark = pytest.mark.same_everywhere
COUNT = 3


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()))


@pytest.fixture(scope="module")
def normals(four_relights, objects):
    relights = {light: torch.cat(images) for light, images in four_relights.items()}
    return normals_from_relights(relights, objects.images.alpha[:COUNT])


def test_they_are_unit_vectors_towards_the_viewer_outside_the_object(normals, objects):
    outside = objects.images.alpha[:COUNT, 0] == 0
    assert (normals.permute(0, 2, 3, 1)[outside] == torch.tensor([0.0, 0.0, 1.0])).all()


@pytest.mark.parametrize(("axis", "name"), [(0, "x, right"), (1, "y, up")])
def test_they_follow_the_rendered_normals(normals, objects, axis, name):
    inside = objects.images.alpha[:COUNT, 0] > 0.99
    agreement = [correlation(normals[i, axis][inside[i]], objects.images.normal[i, axis][inside[i]])
                 for i in range(COUNT)]
    assert min(agreement) > 0.3, (name, agreement)
