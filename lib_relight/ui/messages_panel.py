"""Messages above the tabs: errors the next job would stop with, and settings that would have no effect."""

from __future__ import annotations

import html
import json
import traceback

import gradio as gr

from ..base.errors import RelightError, message_for
from ..checks import check
from ..checks.messages import from_error
from ..request.panel_values import PANEL_ORDER
from ..request.presets import PRESET_FIELDS
from ..web import status
from .components import Components, field_labels
from .light_pad import hidden_button, tab_of
from .previews import read_page

FIELDS = ("enabled", *PRESET_FIELDS)
"""All fields except images."""
FIRST_STEPS = {
    "txt2img": "Add a subject, set the light on the pad, press Generate. Problems appear here.",
    "img2img": "The img2img image is the subject: set the light on the pad, press Generate. Problems appear here.",
}
FILES = tuple(name for name in PANEL_ORDER if name not in FIELDS)


def build(panel: Components) -> None:
    """Shows the first steps until a message replaces them; JavaScript requests messages after each change.

    Messages name fields as the API does; javascript/relight/texts.js replaces the names by the labels given here.
    """
    fields, labels = ",".join(FILES), html.escape(json.dumps(field_labels()))
    panel.components["notices"] = gr.HTML(
        help_line(tab_of(panel)), elem_id=panel.elem_id("notices"), elem_classes=["relight-notices"])
    data = f"data-tab='{tab_of(panel)}' data-files='{fields}' data-labels='{labels}'"
    gr.HTML(f"<div class='relight-notices-of' {data} hidden></div>", elem_id=panel.elem_id("notices_of"),
            elem_classes=["relight-hidden"])


def connect(panel: Components) -> None:
    """Call it once all fields exist. One event for the whole panel; no images are sent."""
    tab = tab_of(panel)
    page = gr.Textbox("", visible=False, elem_id=panel.elem_id("notices_page"))
    page.do_not_save_to_config = True

    def refresh(known: str, *values):
        return listed(dict(zip(FIELDS, values)), read_page(known), tab)

    hidden_button(panel, "notices_refresh").click(
        fn=refresh, _js=f"(...values) => window.relight?.previews ? relight.previews.withState('{tab}', values) : values",
        inputs=[page, *(panel.components[name] for name in FIELDS)], outputs=[panel.components["notices"]],
        queue=False, show_progress="hidden", api_name=False)


def listed(values: dict, page: dict, tab: str) -> str:
    is_img2img = tab == "img2img"
    state = status.state_now(is_img2img=is_img2img, denoise=check.number(page.get("denoise")), has_hires=page.get("hires"),
                             has_init_image=page.get("has_picture") if is_img2img else None)
    try:
        messages = check.check_panel(values, set(page.get("given", ())), state)
    except Exception as error:
        traceback.print_exc()
        messages = [from_error(RelightError(message_for(error)))]
    lines = "".join(f"<li class='relight-{message.level.value}'>{html.escape(message.sentence)}</li>" for message in messages)
    return f"<div role='status'><ul>{lines}</ul></div>" if lines else help_line(tab)


def help_line(tab: str) -> str:
    return f"<p class='relight-help'>{html.escape(FIRST_STEPS[tab])}</p>"
