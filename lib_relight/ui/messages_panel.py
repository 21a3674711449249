"""The status line above the tabs: errors the next job would stop with, settings without effect, or what the job will do."""

from __future__ import annotations

import html
import itertools
import traceback

import gradio as gr

from ..base.errors import RelightError, message_for
from ..checks import check
from ..checks.messages import Message, from_error
from ..request.images import MAX_SIDE
from ..request.presets import PRESET_FIELDS
from ..web import status
from .components import Components, field_labels
from .light_pad import FILES, attribute, hidden_button, tab_of
from .previews import read_page
from .remedies import remedy_for
from .summary import summary

FIELDS = ("enabled", *PRESET_FIELDS)
"""All fields except images."""
FIRST_STEPS = {
    "txt2img": "Add a subject, set the light on the pad, press Generate. Problems appear here.",
    "img2img": "The img2img image is the subject: set the light on the pad, press Generate. Problems appear here.",
}


def build(panel: Components) -> None:
    """Shows the first steps until a message replaces them; JavaScript requests messages after each change.

    Messages name fields as the API does; javascript/relight/texts.js replaces the names by the labels given here.
    """
    fields, labels = ",".join(FILES), attribute(field_labels())
    panel.components["notices"] = gr.HTML(
        help_line(tab_of(panel)), elem_id=panel.elem_id("notices"), elem_classes=["relight-notices"])
    data = f"data-tab='{tab_of(panel)}' data-files='{fields}' data-labels='{labels}'"
    gr.HTML(f"<div class='relight-notices-of' {data} hidden></div>", elem_id=panel.elem_id("notices_of"),
            elem_classes=["relight-hidden"])
    panel.components["notices_answer"] = gr.HTML("", elem_id=panel.elem_id("notices_answer"), elem_classes=["relight-hidden"])


def connect(panel: Components) -> None:
    """Call it once all fields exist. One event for the whole panel; no images are sent."""
    tab = tab_of(panel)

    def refresh(known: str, *values):
        page = read_page(known)
        request = check.number(page.get("request")) or 0
        return listed(dict(zip(FIELDS, values)), page, tab), f"<i data-request='{request:.0f}'></i>"

    hidden_button(panel, "notices_refresh").click(
        fn=refresh, _js=f"(...values) => window.relight?.previews ? relight.previews.withState('{tab}', values) : values",
        inputs=[panel.page_state, *(panel.components[name] for name in FIELDS)],
        outputs=[panel.components["notices"], panel.components["notices_answer"]],
        queue=False, show_progress="hidden", api_name=False)


def listed(values: dict, page: dict, tab: str) -> str:
    is_img2img = tab == "img2img"
    init = panel_image(page.get("init_image"))
    known = {"init_images": int(init is not None), "init_is_cut_out": init is not None and init.is_cut_out,
             "init_is_like_mask": init is not None and init.is_like_mask,
             "part_of": init.size if init and page.get("only_masked") else None}
    state = status.state_now(is_img2img=is_img2img, denoise=check.number(page.get("denoise")), has_hires=page.get("hires"),
                             **known if is_img2img else {})
    images = given_images(page)
    try:
        messages = check.check_panel(values, images, state)
    except Exception as error:
        traceback.print_exc()
        messages = [from_error(RelightError(message_for(error)))]
    if messages:
        return problems(messages, is_img2img)
    return outlook(summary(values, images)) if values.get("enabled") else help_line(tab)


def problems(messages: list[Message], is_img2img: bool) -> str:
    """All problems, errors first; the first has the button that mends it."""
    remedy = remedy_for(messages[0], is_img2img)
    button = ""
    if remedy is not None:
        button = (f"<button type='button' class='relight-remedy' data-action='{attribute(remedy.action)}'>"
                  f"{html.escape(remedy.text)}</button>")
    lines = [f"<li class='relight-{message.level.value}'><span>{html.escape(message.sentence)}</span>{after}</li>"
             for message, after in zip(messages, itertools.chain([button], itertools.repeat("")))]
    return f"<div role='status'><ul>{''.join(lines)}</ul></div>"


def outlook(parts: list[str]) -> str:
    spans = " \N{MIDDLE DOT} ".join(f"<span>{html.escape(part)}</span>" for part in parts)
    return f"<p class='relight-outlook' role='status'>{spans}</p>"


def given_images(page: dict) -> dict[str, check.PanelImage]:
    given = page.get("given")
    images = {name: panel_image(given[name]) for name in FILES if name in given} if isinstance(given, dict) else {}
    return {name: image for name, image in images.items() if image is not None}


def panel_image(known: object) -> check.PanelImage | None:
    """Parse what the page tells about an image: {"width", "height", "is_cut_out", "is_like_mask"}; None for anything else."""
    if not isinstance(known, dict):
        return None
    width, height = (check.number(known.get(name)) for name in ("width", "height"))
    if not width or not height or not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return check.PanelImage()
    return check.PanelImage((int(width), int(height)), known.get("is_cut_out") is True, known.get("is_like_mask") is True)


def help_line(tab: str) -> str:
    return f"<p class='relight-help'>{html.escape(FIRST_STEPS[tab])}</p>"
