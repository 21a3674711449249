"""The light pad's container, and the hidden buttons through which JavaScript reads and sets panel fields."""

from __future__ import annotations

import html
import json
from pathlib import Path

import gradio as gr

from ...lib_iclight.light_setups import SETUPS
from ..request.panel_values import ICLIGHT_PANEL_FIELDS, ICLIGHT_SCHEMA, PANEL_ORDER
from ..request.presets import PRESET_FIELDS
from .components import Components, available_choices, image_help

PAD_FIELDS = tuple(name for name in ICLIGHT_PANEL_FIELDS if ICLIGHT_SCHEMA[name].metadata.get("pad"))
FILES = tuple(name for name in PANEL_ORDER if name not in ("enabled", *PRESET_FIELDS))
"""The fields of images and files."""
SCRIPTS = Path(__file__).resolve().parents[2] / "javascript" / "relight"
CHANNELS = {"light": PAD_FIELDS, "all": ("enabled", *PRESET_FIELDS)}
"""Fields read and set together: those of the pad, and all. The second has FILES as well, and sets the message line."""
MENUS = {
    "matting": {"auto": "Automatic", "none": "Off", "alpha": "By transparency", "mask": "By mask"},
    "set": {"none": "One image", "sides": "4 directions", "directions": "8 directions", "lights": "One per light",
            "sweep": "Sweep", "normals": "Normals", "even": "Even light"},
}
"""Fields that the pad offers as menus: value -> its words; other values, such as matting models, are their own words."""


def tab_of(panel: Components) -> str:
    return "img2img" if panel.is_img2img else "txt2img"


def build(panel: Components) -> None:
    """An empty container of the pad's size; JavaScript fills it when it becomes visible."""
    names = " ".join(f'data-{channel}="{",".join(fields)}"' for channel, fields in CHANNELS.items())
    menus = {name: [(words.get(value, value), value) for value in available_choices(ICLIGHT_SCHEMA[name])[0] or words]
             for name, words in MENUS.items()}
    gr.HTML(f'<div class="relight-pad" data-tab="{tab_of(panel)}" data-version="{scripts_version()}" {names} '
            f"data-menus='{attribute(menus)}'></div>", elem_id=panel.elem_id("pad"))


def attribute(value: object) -> str:
    """Return compact JSON for a data attribute in single quotes, which escapes less than html.escape."""
    return html.escape(json.dumps(value, separators=(",", ":")), quote=False).replace("'", "&#39;")


def scripts_version() -> str:
    """Cache key of the scripts and styles in the folder: the newest modification time."""
    return str(max(int(path.stat().st_mtime) for path in SCRIPTS.glob("*.*s")))


def connect(panel: Components) -> None:
    """Call it once all fields exist. Every event runs in the browser only."""
    tab = tab_of(panel)
    data = f"data-setups='{attribute(SETUPS)}' data-images='{attribute(image_help())}'"
    if not panel.is_img2img:  # once for both tabs
        gr.HTML(f"<div class='relight-setups' {data} hidden></div>", elem_id=panel.elem_id("setups"),
                elem_classes=["relight-hidden"])
    for channel, names in CHANNELS.items():
        fields = [panel.components[name] for name in (*names, *(FILES if channel == "all" else ()))]
        message = [panel.action_outputs.message] if channel == "all" else []
        listen(hidden_button(panel, f"{channel}_read").click, f"receiveValues('{tab}', '{channel}', values)", inputs=fields)
        listen(hidden_button(panel, f"{channel}_write").click, f"provideValues('{tab}', '{channel}')",
               outputs=[*fields, *message])
    pad_fields = [panel.components[name] for name in PAD_FIELDS]
    for component in pad_fields:
        listen(component.change, f"fieldsChanged('{tab}', values)", inputs=pad_fields)


def listen(event, call: str, **fields) -> None:
    event(fn=None, _js=f"(...values) => window.relight?.fields ? relight.fields.{call} : []", show_progress=False,
          api_name=False, **fields)


def hidden_button(panel: Components, name: str) -> gr.Button:
    button = gr.Button(name, elem_id=panel.elem_id(name), elem_classes=["relight-hidden"])
    button.do_not_save_to_config = True
    return button
