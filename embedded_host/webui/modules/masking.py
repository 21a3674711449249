"""The region of an inpaint mask. Needed by: lib_relight/hosts/webui.py (`crop_box`)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sd_relight.embedded_host.engine.masks import Region, covered_region, grow_to_ratio


def get_crop_region_v2(mask: np.ndarray | Image.Image, pad: int = 0) -> Region | None:
    """Return (left, top, right, bottom) around everything that is not 0; None for an empty mask. mask: uint8 [H, W]."""
    return covered_region(Image.fromarray(mask) if isinstance(mask, np.ndarray) else mask, pad)


def expand_crop_region(crop_region: Region, processing_width: int, processing_height: int, image_width: int,
                       image_height: int) -> Region:
    """Grow a region to the ratio of the job's size, inside the image."""
    return grow_to_ratio(Region(*crop_region), (processing_width, processing_height), (image_width, image_height))


get_crop_region = get_crop_region_v2
