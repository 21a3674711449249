"""Inpaint only masked: of each image only the part that the host crops out of the init image reaches the result."""

import numpy as np
import pytest
from contract.client import difference
from contract.subjects import iclight, scene
from encoding import encoded
from PIL import Image, ImageChops

PHOTO, MAP = scene((128, 64)), scene((128, 64)).transpose(Image.FLIP_LEFT_RIGHT)
SEEN, HIDDEN = (88, 20, 104, 44), (0, 0, 40, 64)
"""The mask's box; a box that is far from the crop around it."""


def box(area, size=(128, 64)):
    mask = Image.new("L", size)
    mask.paste(255, area)
    return mask


def inverted_in(image, area):
    return Image.composite(ImageChops.invert(image), image, box(area))


def masked(client, **fields):
    """One job. Forge samples the init latent from torch's global generator, which the job before it leaves: always the same."""
    client.send()
    return client.send("img2img", relight=iclight(**fields), init_images=[encoded(PHOTO)], mask=encoded(box(SEEN)), mask_blur=2,
                       inpainting_fill=1, inpaint_full_res=True, inpaint_full_res_padding=4, denoising_strength=0.9)


FIELDS = {"foreground": (PHOTO, {"light": "left"}), "background": (MAP, {}), "light_map": (MAP, {"light": "custom"})}


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("name", FIELDS)
def test_only_the_sampled_part_of_an_image_counts(client, name):
    image, fields = FIELDS[name]
    whole, hidden, seen = (masked(client, **fields, matting="none", **{name: encoded(given)})
                           for given in (image, inverted_in(image, HIDDEN), inverted_in(image, SEEN)))
    assert (hidden.pixels() == whole.pixels()).all()
    assert difference(seen, whole) > 0.01


def test_the_cut_out_of_the_photograph_is_its_subject(client):
    matte = box((60, 10, 110, 60))
    cut_out = PHOTO.convert("RGBA")
    cut_out.putalpha(matte)
    by_mask = masked(client, light="left", matting="mask", mask=encoded(matte))
    by_foreground = masked(client, light="left", foreground=encoded(cut_out))
    assert np.abs(by_mask.pixels() - by_foreground.pixels()).max() <= 2
