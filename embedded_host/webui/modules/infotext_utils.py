"""Infotext: writing and reading it, and the fields and buttons that paste it or an image. Needed by lib_relight/ui/one_click.py
(send_image_and_dimensions), the engine (quote), the API and the page."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

ENTRY = re.compile(r"""\s* (?P<key> \w[\w /-]+ ) : \s* (?P<value> "(?:[^"\\]|\\.)+" | [^,]* ) (?: , | $ )""", re.VERBOSE)
SIZE = re.compile(r"(\d+)x(\d+)")
FEWEST_ENTRIES = 3
"""A last line with fewer entries belongs to the prompt."""
NEGATIVE = "Negative prompt:"

UNNAMED = {
    "Clip skip": "1", "Hires resize-1": 0, "Hires resize-2": 0, "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler", "Hires checkpoint": "Use same checkpoint", "Hires prompt": "",
    "Hires negative prompt": "", "Mask mode": "Inpaint masked", "Masked content": "original",
    "Inpaint area": "Whole picture", "Masked area padding": 32, "Schedule type": "Automatic", "RNG": "GPU",
}
"""What it means when infotext has no entry of a key."""


class PasteField(tuple):
    """(component, target). target: an infotext key, or a function from all entries to a value; api: the request's field."""

    api: str | None
    component: Any
    label: str | None
    function: Callable[[dict], Any] | None

    def __new__(cls, component: Any, target: str | Callable[[dict], Any], *, api: str | None = None) -> PasteField:
        field = tuple.__new__(cls, [component, target])
        field.component, field.api = component, api
        field.label, field.function = (None, target) if callable(target) else (target, None)
        return field


@dataclass(eq=False)
class ParamBinding:
    """A button that pastes into a tab, from a text or from an image component."""

    paste_button: Any
    tabname: str
    source_text_component: Any = None
    source_image_component: Any = None
    source_tabname: str | None = None
    override_settings_component: Any = None
    paste_field_names: list[str] | None = None


paste_fields: dict[str, dict[str, Any]] = {}
paste_buttons: list[ParamBinding] = []


def add_paste_fields(tabname: str, init_img: Any, fields: Iterable | None, override_settings_component: Any = None) -> None:
    """Declare a tab's image component and the fields that a paste fills; (component, target) pairs become PasteFields."""
    paste_fields[tabname] = {"init_img": init_img, "fields": [as_paste_field(field) for field in fields or ()],
                             "override_settings_component": override_settings_component}


def as_paste_field(field: Any) -> PasteField:
    return field if isinstance(field, PasteField) else PasteField(*field)


def register_paste_params_button(binding: ParamBinding) -> None:
    """Remember a button, to be connected when the page is built."""
    paste_buttons.append(binding)


def quote(value: Any) -> Any:
    """Return a value as infotext holds it: as JSON text when it has a comma, a colon or a line break, else unchanged."""
    needs_quotes = re.search(r"[,:\n]", str(value))
    return json.dumps(value, ensure_ascii=False) if needs_quotes else value


def unquote(text: str) -> str:
    """Return the text that `quote` was given; text without quotes, or broken JSON, is returned unchanged."""
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def parse_generation_parameters(x: str, skip_fields: Iterable[str] = ()) -> dict[str, Any]:
    """Read infotext into "Prompt", "Negative prompt" and one item per entry; "512x768" becomes "<key>-1" and "<key>-2".

    Entries are read from the last line, if it has at least FEWEST_ENTRIES. Keys that are missing get their meaning from
    UNNAMED. skip_fields: keys to leave out.
    """
    lines = x.strip().split("\n")
    entries = [(match["key"], unquote(match["value"])) for match in ENTRY.finditer(lines[-1])]
    if len(entries) < FEWEST_ENTRIES:
        entries = []
    else:
        lines.pop()
    params = dict(UNNAMED)
    for key, value in entries:
        size = SIZE.fullmatch(value) if isinstance(value, str) else None
        params.update({f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value})
    params["Prompt"], params["Negative prompt"] = split_prompts(lines)
    return {key: value for key, value in params.items() if key not in skip_fields}


def split_prompts(lines: list[str]) -> tuple[str, str]:
    """Return (prompt, negative prompt): the negative one begins at the line with its name."""
    stripped = [line.strip() for line in lines]
    start = next((number for number, line in enumerate(stripped) if line.startswith(NEGATIVE)), len(stripped))
    negative = "\n".join(stripped[start:]).removeprefix(NEGATIVE)
    return "\n".join(stripped[:start]), negative.strip()


def value_for(field: PasteField, params: dict[str, Any]) -> Any:
    """Return what the infotext's entries say of a field, or None. Raises what the field's own function raises."""
    return params.get(field.label) if field.function is None else field.function(params)


def is_update(value: Any) -> bool:
    """Whether a value is what gr.update() returns."""
    return isinstance(value, dict) and "__type__" in value


def cast_like(current: Any, value: Any) -> Any:
    """Return a value, usually text, in the type of a component's current value; "False" is False. Raises ValueError."""
    if current is None:
        return value
    if isinstance(current, bool):
        return value not in ("False", "false", "0", "") and bool(value)
    if not isinstance(current, int):
        return type(current)(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def send_image_and_dimensions(x: Any) -> tuple:
    """Return an image and its size for the fields that a Send button fills; None and no change of the size without one."""
    import gradio as gr

    image = image_from_url_text(x)
    return (image, *(image.size if image is not None else [gr.update()] * 2))


def image_from_url_text(filedata: Any) -> Image.Image | None:
    """Return the PIL image in what a gallery or image component sends: a file of this page, base64, or (image, caption)."""
    while isinstance(filedata, (list, tuple)):
        filedata = next(iter(filedata), None)
    if isinstance(filedata, dict):
        return Image.open(uploaded_file(filedata["name"]))
    if isinstance(filedata, str):
        return Image.open(io.BytesIO(base64.b64decode(filedata.rpartition(",")[2])))
    return filedata


def uploaded_file(name: str) -> str:
    """Return the path of a file in the system's temporary folder, where gradio keeps uploads. Raises ValueError for others."""
    path = os.path.realpath(name)
    if not Path(path).is_relative_to(os.path.realpath(tempfile.gettempdir())):
        raise ValueError(f"{name} was not uploaded on this page.")
    return path
