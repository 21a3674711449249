"""Writes the field tables of docs/API.md from the schema. Run in the environment: python devtools/api_reference.py"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ICLIGHT_IMAGES = {
    "foreground": "The subject. Needed in txt2img; in img2img the init image is the subject when this is left out.",
    "background": "The scene behind the subject, for the fbc model.",
    "light_map": "Your own light map, with `light` set to `custom`.",
    "mask": "White where the subject is, with `matting` set to `mask` or `auto`.",
}
IP_ADAPTER_IMAGES = {
    "image": "What to prompt with: one image or a list of them. `\"subject\"` takes the job's own subject on grey.",
    "mask": "Where in the output the unit works (white). `\"subject\"` takes the subject's matte.",
    "image_mask": "Which part of the image the encoder sees (white).",
    "negative_image": "The image for the negative side, with `uncond` set to `image`.",
}


def allowed(item):
    """The values that a field accepts: its choices, its range or its type."""
    meta = item.metadata
    if "choices" in meta:
        return ", ".join(f"`{choice}`" for choice in meta["choices"])
    if meta.get("suggestions"):
        return ", ".join(f"`{choice}`" for choice in meta["suggestions"]) + ", or a name"
    if "minimum" in meta:
        many = "list of numbers, " if item.type == "tuple" else ""
        return f"{many}{meta['minimum']:g} to {meta['maximum']:g}"
    kind = item.type.split(" |")[0]
    return {"bool": "`true`, `false`", "str": "text", "tuple": "list of objects", "int": "whole number"}.get(kind, kind)


def default(item):
    if item.default is None:
        return "see meaning"
    return f"`{json.dumps(item.default)}`"


def table(params, images):
    """Return a Markdown table: one line per field, images first."""
    lines = ["| field | default | values | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{name}` | none | an image as base64 | {text} |" for name, text in images.items()]
    for item in fields(params):
        lines.append(f"| `{item.name}` | {default(item)} | {allowed(item)} | {item.metadata['help']} |")
    return "\n".join(lines)


def tables():
    """Return the generated tables of docs/API.md by heading."""
    from sd_relight.lib_iclight.params import IcLightParams
    from sd_relight.lib_ipadapter.params import IpAdapterParams

    return {"iclight": table(IcLightParams, ICLIGHT_IMAGES), "ip_adapter": table(IpAdapterParams, IP_ADAPTER_IMAGES)}


def with_reference(text):
    """Return the text of docs/API.md with its generated tables replaced."""
    for name, lines in tables().items():
        start, end = f"<!-- {name}: made by devtools/api_reference.py -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(start)
        text = f"{head}{start}\n{lines}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    from environments import make_root_package

    make_root_package(ROOT)
    page = ROOT / "docs" / "API.md"
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
