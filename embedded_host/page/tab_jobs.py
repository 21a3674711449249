"""The page's jobs: the values of a tab's fields to images and the texts below them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from PIL import Image


def run_tab(tab: str, values: Mapping[str, Any], script_args: Sequence[Any]) -> tuple[list[Image.Image | str], str, str, str]:
    """Run the tab's job, or that of the script chosen in the dropdown.

    values: fields of the processing class; img2img takes init_image (PIL) and mask (PIL or None) among them. Returns (images,
    generation info as JSON, infotext as HTML, comments as HTML). Raises ValueError without an init image.
    """
    from modules import processing, scripts, shared

    classes = {"txt2img": (processing.StableDiffusionProcessingTxt2Img, scripts.scripts_txt2img),
               "img2img": (processing.StableDiffusionProcessingImg2Img, scripts.scripts_img2img)}
    make, runner = classes[tab]
    fields = {f"outpath_{kind}": getattr(shared.opts, f"outdir_{tab}_{kind}") for kind in ("samples", "grids")}
    fields |= values if tab == "txt2img" else with_images(values)
    with closing(make(sd_model=shared.sd_model, **fields)) as p:
        p.scripts, p.script_args = runner, tuple(script_args)
        result = runner.run(p, *script_args) or processing.process_images(p)
    images = [*map(displayed, result.images), *getattr(result, "extra_images", [])]
    comments = as_html(result.comments, "comments") if result.comments else ""
    return images, result.js(), as_html(result.info), comments


def displayed(image: Image.Image) -> Image.Image | str:
    """Return the path of an animation that is saved, other images as they are; hosts link to every saved image."""
    path = str(getattr(image, "already_saved_as", ""))
    return path if path.endswith((".webp", ".gif")) else image


def with_images(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an img2img job. Raises ValueError."""
    fields = dict(values)
    image, mask = fields.pop("init_image"), fields.pop("mask")
    if image is None:
        raise ValueError("img2img needs an image: drop one on the field “Image”.")
    return {**fields, "init_images": [image], "mask": None if mask is None else uploaded_mask(mask)}


def uploaded_mask(image: Image.Image) -> Image.Image:
    """Return an L mask, white where the image is repainted: the alpha of an image with transparency, else its brightness."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    return image.convert("L") if alpha is None or alpha.getextrema()[0] == 255 else alpha


def as_html(text: str, css_class: str = "") -> str:
    """Return the text as one HTML paragraph, with its line breaks."""
    attribute = f" class='{css_class}'" if css_class else ""
    return f"<p{attribute}>" + "<br>\n".join(html.escape(line) for line in text.split("\n")) + "</p>"
