"""Images, a job and its answers for the tests of previews."""

import numpy as np
from encoding import encoded, opened
from PIL import Image, ImageDraw

JOB = {"prompt": "a vase", "steps": 2, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0, "sampler_name": "Euler",
       "denoising_strength": 0.9}
SIZE = {"width": 64, "height": 64}


def photo(hue=90):
    image = Image.linear_gradient("L").resize((96, 72)).convert("RGB")
    ImageDraw.Draw(image).ellipse((20, 10, 60, 66), fill=(220, hue, 60))
    return image


def cut_out():
    image = photo().convert("RGBA")
    alpha = Image.new("L", image.size)
    ImageDraw.Draw(alpha).ellipse((20, 10, 60, 66), fill=255)
    image.putalpha(alpha)
    return image


SUBJECT, PHOTO = encoded(cut_out()), encoded(photo())
TALL = encoded(photo(20).resize((40, 90)))


def images_of(reply):
    assert reply.status_code == 200, reply.text
    return [np.asarray(opened(text)) for text in reply.json()["images"]]


def extras(reply):
    """Name -> the job's extra images as arrays."""
    assert reply.status_code == 200, reply.text
    images = [opened(text) for text in reply.json()["images"]]
    return {image.info["parameters"].removeprefix("Relight "): np.asarray(image) for image in images[1:]}


def encoder_images(reply):
    """The job's extra images that show what an encoder saw."""
    images = [opened(text) for text in reply.json()["images"][1:]]
    return [np.asarray(image) for image in images if "IP-Adapter" in image.info["parameters"]]
