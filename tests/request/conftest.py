"""Images that the tests of requests decode."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def rgba(rng):
    """RGBA, partly transparent everywhere."""
    return Image.fromarray(rng.integers(1, 255, (24, 40, 4), np.uint8), "RGBA")


@pytest.fixture
def grey(rng):
    return rng.integers(0, 256, (20, 40), np.uint8)
