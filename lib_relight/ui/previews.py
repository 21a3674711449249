"""Previews in the panel: buttons, the resulting images or an error message, and a cancel button."""

from __future__ import annotations

import html
import json
import traceback
from collections.abc import Callable, Mapping

import gradio as gr

from ...lib_iclight.params import IMAGE_FIELDS
from ..base.errors import is_bug, message_for
from ..base.progress import Progress, Stopped
from ..models.folders import model_folders
from ..request.images import ImageDecoder, is_given
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import ICLIGHT_PANEL_FIELDS, UNIT_PANEL_NAMES, panel_light, panel_unit, unit_name
from ..request.request import RelightRequest
from ..web import previews, routes, running_previews
from ..web.previews import PreviewRequest, PreviewResult
from ..web.running_previews import Replaced
from .components import Components
from .light_pad import tab_of

LIGHT_BUTTONS = {"matte": "Matte", "foreground": "What the model sees", "light": "Light map"}
LIGHT_INPUTS = (*IMAGE_FIELDS, *ICLIGHT_PANEL_FIELDS)
CANCELLED = "The preview was cancelled."
CAPTIONS = {"matte": "Matte", "cut out": "Subject cut out", "foreground": "What the model sees", "light map": "Light map"}


def build(panel: Components) -> None:
    """The Light tab's row; style.css shows Cancel while a preview is computed."""
    with gr.Row(elem_classes=["relight-previews"]):
        for kind, text in LIGHT_BUTTONS.items():
            button(panel, f"preview_{kind}", text)
        button(panel, "preview_cancel", "Cancel")
    panel.components["preview_shown"] = result(panel, "preview_shown")


def build_unit(panel: Components, number: int) -> None:
    with gr.Row(elem_classes=["relight-previews"]):
        button(panel, unit_name(number, "preview_crop"), "What the encoder sees")
        button(panel, unit_name(number, "preview_cancel"), "Cancel")
    name = unit_name(number, "preview_shown")
    panel.components[name] = result(panel, name)


def button(panel: Components, name: str, text: str) -> None:
    panel.components[name] = gr.Button(text, size="sm", elem_id=panel.elem_id(name))
    panel.components[name].do_not_save_to_config = True


def result(panel: Components, name: str) -> gr.HTML:
    return gr.HTML("", elem_id=panel.elem_id(name), elem_classes=["relight-preview"])


def connect(panel: Components) -> None:
    """Call it once all fields exist. JavaScript adds values that only the page has, see javascript/relight/previews.js.

    Previews bypass the host's queue, so that none waits for a job.
    """
    for kind in LIGHT_BUTTONS:
        attach(panel, f"preview_{kind}", "preview_shown", LIGHT_INPUTS, light_request, kind)
    cancel_button(panel, "preview_cancel")
    for number in range(1, MAX_UNITS + 1):
        names = (*LIGHT_INPUTS, *(unit_name(number, name) for name in UNIT_PANEL_NAMES))
        attach(panel, unit_name(number, "preview_crop"), unit_name(number, "preview_shown"), names,
               lambda tab, values, page, number=number: unit_request(tab, values, page, number), "crop")
        cancel_button(panel, unit_name(number, "preview_cancel"))


def attach(panel: Components, name: str, output: str, inputs: tuple, build_request: Callable,
           kind: str) -> None:
    tab = tab_of(panel)

    def run(request: gr.Request, known: str, *values):
        page = read_page(known)
        return result_html(kind, lambda: build_request(tab, dict(zip(inputs, values)), page), session_of(request),
                           number_of(page))

    panel.components[name].click(
        fn=run, _js=f"(...values) => window.relight?.previews ? relight.previews.withPage('{tab}', values) : values",
        inputs=[panel.page_state, *(panel.components[field] for field in inputs)], outputs=[panel.components[output]],
        queue=False, show_progress="minimal", api_name=False)


def cancel_button(panel: Components, name: str) -> None:
    def cancel(request: gr.Request, known: str):
        running_previews.cancel(session_of(request), number_of(read_page(known)))

    panel.components[name].click(
        fn=cancel, _js="(page) => window.relight?.previews ? relight.previews.withNumber() : page", inputs=[panel.page_state],
        outputs=[], queue=False, show_progress="hidden", api_name=False)


def number_of(page: Mapping) -> int:
    """Return the page's count of previews at the request, 0 if JavaScript has not run."""
    number = page.get("number")
    return number if isinstance(number, int) else 0


def session_of(request: gr.Request) -> str:
    return f"panel {getattr(request, 'session_hash', '')}"


def read_page(known: str) -> dict:
    """Parse the values that JavaScript added; empty if it has not run."""
    try:
        page = json.loads(known or "{}")
    except ValueError:
        return {}
    return page if isinstance(page, dict) else {}


def light_request(tab: str, values: Mapping, page: Mapping) -> PreviewRequest:
    params, images = panel_light(values, ImageDecoder())
    return with_page_state(RelightRequest(params, images), tab, page)


def unit_request(tab: str, values: Mapping, page: Mapping, number: int) -> PreviewRequest:
    decoder = ImageDecoder()
    unit = panel_unit({**values, unit_name(number, "enabled"): True}, number, decoder)
    params, images = panel_light(values, decoder) if unit.uses_subject else (None, RelightRequest().images)
    return with_page_state(RelightRequest(params, images, (unit,)), tab, page)


def with_page_state(request: RelightRequest, tab: str, page: Mapping) -> PreviewRequest:
    init_image = page.get("init_image")
    known = {name: previews.whole_number(page, name, default, low, high) for name, default, low, high in (
        ("width", 512, previews.SMALLEST, previews.LARGEST), ("height", 512, previews.SMALLEST, previews.LARGEST),
        ("resize_mode", 0, 0, 3))}
    init_images = (ImageDecoder().decode(init_image, "the img2img image"),) if is_given(init_image) else ()
    crop = previews.crop_of(page, ImageDecoder(), (known["width"], known["height"]))
    return PreviewRequest(request, tab, init_images=init_images, crop=crop, **known)


def result_html(kind: str, build_request: Callable[[], PreviewRequest], session: str, number: int = 0) -> str | dict:
    """Return the preview as HTML; no change of the page if a newer preview of the page has replaced this one."""
    try:
        with running_previews.turn(session, number=number) as progress:
            return figures(previews.show(kind, build_request(), model_folders, progress), progress)
    except Replaced:
        return gr.update()
    except Stopped:
        return note(CANCELLED)
    except Exception as error:
        if is_bug(error):
            traceback.print_exc()
        return note(message_for(error), "relight-error")


def note(message: str, kind: str = "relight-note") -> str:
    return f"<p class='{kind}' role='status'>{html.escape(message)}</p>"


def figures(result: PreviewResult, progress: Progress) -> str:
    return "<div class='relight-figures' role='status'>" + "".join(
        f"<figure><img src='data:image/png;base64,{routes.png(image, progress)}' alt='{html.escape(caption(name))}' "
        f"width='{image.width}' height='{image.height}'><figcaption>{html.escape(caption(name))} "
        f"<span>{image.width}\N{MULTIPLICATION SIGN}{image.height}</span></figcaption></figure>"
        for name, image in result.images) + "</div>"


def caption(name: str) -> str:
    """Return the caption of an image; a unit's has no unit number, since it is in the unit's own tab."""
    name = name.split(", ", 1)[1] if name.startswith("unit ") else name
    return CAPTIONS.get(name, name.replace("picture", "image").capitalize())
