"""The light pad's place in the panel, and the hidden events by which javascript reads and sets the panel's fields."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from ..request.presets import PRESET_FIELDS
from .components import Components

PAD_FIELDS = ("model", "light", "light_angle", "light_x", "light_y", "light_radius", "light_start", "light_end", "light_color",
              "light_gamma", "lights", "matting", "matte_threshold", "matte_grow", "matte_feather")
SCRIPTS = Path(__file__).resolve().parent.parent.parent / "javascript" / "relight"
CHANNELS = {"light": PAD_FIELDS, "all": ("enabled", *PRESET_FIELDS)}
"""Fields that are read and set together: the pad's own, and all that are no pictures."""


def tab_of(panel: Components) -> str:
    return "img2img" if panel.is_img2img else "txt2img"


def build(panel: Components) -> None:
    """An empty box of the pad's size: javascript fills it when it comes into sight."""
    names = " ".join(f'data-{channel}="{",".join(fields)}"' for channel, fields in CHANNELS.items())
    gr.HTML(f'<div class="relight-pad" data-tab="{tab_of(panel)}" data-version="{scripts_version()}" {names}></div>',
            elem_id=panel.elem_id("pad"))


def scripts_version() -> str:
    """Changes when one of javascript's modules does, so that no browser keeps an old one beside a new one."""
    return str(max(int(path.stat().st_mtime) for path in SCRIPTS.glob("*.js")))


def connect(panel: Components) -> None:
    """To be called when all fields are there. Every event runs in the browser only."""
    tab = tab_of(panel)
    for channel, names in CHANNELS.items():
        fields = [panel.components[name] for name in names]
        listen(hidden_button(panel, f"{channel}_read").click, f"arrived('{tab}', '{channel}', values)", inputs=fields)
        listen(hidden_button(panel, f"{channel}_write").click, f"leaving('{tab}', '{channel}')", outputs=fields)
    shown = [panel.components[name] for name in PAD_FIELDS]
    for component in shown:
        listen(component.change, f"changed('{tab}', values)", inputs=shown)


def listen(event, call: str, **fields) -> None:
    event(fn=None, _js=f"(...values) => window.relight?.fields ? relight.fields.{call} : []", show_progress=False,
          api_name=False, **fields)


def hidden_button(panel: Components, name: str) -> gr.Button:
    button = gr.Button(name, elem_id=panel.elem_id(name), elem_classes=["relight-hidden"])
    button.do_not_save_to_config = True
    return button
