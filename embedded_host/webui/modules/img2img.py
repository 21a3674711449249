"""The page's img2img job."""

from __future__ import annotations

from modules import processing, scripts, shared
from modules.txt2img import run


def img2img(id_task, values, script_args):
    """As `txt2img`, with `init_image` (PIL, required) and `mask` (PIL or None) among the values. Raises ValueError."""
    values = dict(values)
    image, mask = values.pop("init_image"), values.pop("mask")
    if image is None:
        raise ValueError("img2img needs a picture: drop one on the field “Image”.")
    p = processing.StableDiffusionProcessingImg2Img(
        sd_model=shared.sd_model, outpath_samples=shared.opts.outdir_img2img_samples,
        outpath_grids=shared.opts.outdir_img2img_grids, init_images=[image], mask=mask_of(mask), **values)
    return run(p, scripts.scripts_img2img, script_args)


def mask_of(image):
    """White is redrawn. An uploaded picture with transparency counts by its alpha, any other by its brightness."""
    if image is None:
        return None
    if image.mode == "RGBA" and image.getextrema()[3][0] < 255:
        return image.getchannel("A")
    return image.convert("L")
