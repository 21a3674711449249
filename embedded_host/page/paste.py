"""The page's paste buttons: infotext or an image from one component into the fields of a tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from modules import errors, infotext_utils, paths, script_callbacks

SIZE_KEYS = ("Size-1", "Size-2")
MISFITS = ValueError, TypeError
"""What converting pasted text to a component's type raises."""


def connect_buttons() -> None:
    """Connect every registered button; called once, when all of the page is built."""
    for binding in infotext_utils.paste_buttons:
        tab = infotext_utils.paste_fields[binding.tabname]
        if binding.source_image_component is not None and tab["init_img"] is not None:
            connect_image(binding.paste_button, binding.source_image_component, tab)
        if binding.source_text_component is not None:
            connect_infotext(binding.paste_button, binding.source_text_component, tab["fields"])
        binding.paste_button.click(None, _js=f"switch_to_{binding.tabname}")


def connect_image(button: Any, source: Any, tab: dict) -> None:
    """On a click, put the image of `source` into the tab's image component, and its size into the Size fields, if any."""
    sizes = [field.component for field in tab["fields"] if field.label in SIZE_KEYS]
    send = infotext_utils.send_image_and_dimensions if sizes else infotext_utils.image_from_url_text
    selected = "extract_image_from_gallery" if isinstance(source, gr.Gallery) else None
    button.click(send, _js=selected, inputs=[source], outputs=[tab["init_img"], *sizes], show_progress="hidden", api_name=False)


def connect_infotext(button: Any, source: Any, fields: list) -> None:
    """On a click, read infotext from `source`, or from params.txt where that is empty, and fill the fields."""
    def paste(text: str) -> list[Any]:
        infotext = text or last_infotext()
        params = infotext_utils.parse_generation_parameters(infotext)
        script_callbacks.infotext_pasted_callback(infotext, params)
        return [pasted_value(field, params) for field in fields]

    button.click(paste, inputs=[source], outputs=[field.component for field in fields], show_progress="hidden", api_name=False)


def last_infotext() -> str:
    """Return the contents of params.txt in the data folder, or "" without one."""
    file = Path(paths.data_path, "params.txt")
    return file.read_text("utf-8") if file.is_file() else ""


def pasted_value(field: Any, params: dict[str, Any]) -> Any:
    """Return a gr.update(): no change where the infotext has no value for the field or one that does not fit it."""
    try:
        value = infotext_utils.value_for(field, params)
    except Exception:
        errors.report(f"The paste function {field.function} failed", exc_info=True)
        return gr.update()
    if value is None or infotext_utils.is_update(value):
        return gr.update() if value is None else value
    try:
        return gr.update(value=infotext_utils.cast_like(field.component.value, value))
    except MISFITS:
        return gr.update()
