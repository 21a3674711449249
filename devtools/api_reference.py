"""Writes the field tables of docs/API.md from the schema. Run in the environment: python devtools/api_reference.py"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- fields: made by devtools/api_reference.py -->", "<!-- end of fields -->"
PICTURES = {
    "foreground": "The subject. Needed in txt2img; in img2img the init image is the subject when this is left out.",
    "background": "The scene behind the subject, for the fbc model.",
    "light_map": "Your own light map, with `light` set to `custom`.",
    "mask": "White where the subject is, with `matting` set to `mask`.",
}

UNBUILT = ("light_angle", "light_x", "light_y", "light_radius", "light_color", "light_gamma", "lights")


def allowed(item):
    """What a field takes, in words: its choices, its range or its type."""
    meta = item.metadata
    if "choices" in meta:
        return ", ".join(f"`{choice}`" for choice in meta["choices"])
    if "suggestions" in meta:
        return ", ".join(f"`{choice}`" for choice in meta["suggestions"]) + ", or a name"
    if "minimum" in meta:
        return f"{meta['minimum']:g} to {meta['maximum']:g}"
    kind = item.type.split(" |")[0]
    return {"bool": "`true`, `false`", "str": "text", "tuple": "list of objects"}.get(kind, kind)


def default(item):
    if item.default is None:
        return "see meaning"
    return f"`{json.dumps(item.default)}`"


def table(params):
    """Markdown: one line a field, pictures first."""
    lines = ["| field | default | values | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{name}` | none | a picture as base64 | {text} |" for name, text in PICTURES.items()]
    for item in fields(params):
        later = " *Not built yet: refused with a sentence.*" if item.name in UNBUILT else ""
        lines.append(f"| `{item.name}` | {default(item)} | {allowed(item)} | {item.metadata['help']}{later} |")
    return "\n".join(lines)


def render():
    """The generated part of docs/API.md."""
    from sd_relight.lib_iclight import params

    later = [light for light in params.LIGHTS if light not in params.LIGHTS_BUILT]
    names = " and ".join(f"`{light}`" for light in later)
    note = f"`light` names {names} already; they are not built yet." if later else ""
    return f"{START}\n{table(params.IcLightParams)}\n\n{note}\n{END}"


def with_reference(text):
    """docs/API.md with its generated part replaced."""
    head, _, rest = text.partition(START)
    return head + render() + rest.partition(END)[2]


if __name__ == "__main__":
    from environments import make_root_package

    make_root_package(ROOT)
    page = ROOT / "docs" / "API.md"
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
