"""One-click flows: the host's controls are collected while the page is built, and our buttons wired when all are there."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr
from modules import infotext_utils
from modules.ui_components import ToolButton

from ...lib_iclight.params import IMAGE_FIELDS
from ..base.errors import USER_ERRORS, RelightError, sentence_of
from ..request.presets import PRESET_FIELDS
from . import defaults, one_click_values
from .components import Components

SEND_SYMBOLS = {"txt2img": "\N{ELECTRIC LIGHT BULB}", "img2img": "\N{HIGH BRIGHTNESS SYMBOL}"}


@dataclass
class Action:
    """function(page, *inputs) returns what to set, a sentence or several, and a value for each of outputs. event: button.click.

    takes_subject: before its inputs the subject's picture, and img2img's. sets_pictures: after its outputs the four pictures
    of the Light tab and, where there is one, img2img's.
    """

    event: Callable
    function: Callable
    inputs: tuple = ()
    outputs: tuple = ()
    takes_subject: bool = False
    sets_pictures: bool = False


@dataclass
class Page:
    """What an action sees. values: name -> what each control holds; controls: name -> component."""

    tab: str
    values: dict
    controls: dict
    has_init_image: bool = False

    def choices(self, name: str) -> list:
        entries = getattr(self.controls.get(name), "choices", None) or []
        return [entry[-1] if isinstance(entry, (tuple, list)) else entry for entry in entries]


def build(panel: Components) -> None:
    """The row of buttons, and what every action needs: the steps back and a note."""
    panel.history = gr.State([])
    with gr.Row(elem_id=panel.elem_id("flows"), elem_classes=["relight-buttons"]):
        size = button(panel, "size_from_subject", "Size from subject")
        originals = {kind: button(panel, f"original_{kind}", f"IC-Light's settings ({kind})")
                     for kind in one_click_values.ORIGINALS}
        panel.undo = button(panel, "undo", "Undo", interactive=False)
    panel.note = gr.HTML("", elem_id=panel.elem_id("note"), elem_classes=["relight-note"])
    panel.actions.append(Action(size.click, size_from_subject, takes_subject=True))
    for kind, control in originals.items():
        panel.actions.append(Action(control.click, lambda page, kind=kind: original_settings(page, kind)))


def button(panel: Components, name: str, text: str, **more) -> gr.Button:
    made = gr.Button(text, size="sm", elem_id=panel.elem_id(name), elem_classes=["relight-button"], **more)
    made.do_not_save_to_config = True
    return made


def size_from_subject(page: Page, *pictures) -> tuple[dict, str]:
    picture = next((picture for picture in pictures if picture is not None), None)
    if picture is None:
        raise RelightError("There is no subject yet; give the field Subject a picture, then press the button again.")
    width, height = one_click_values.fit_size(*picture.size)
    note = f"Size {width}x{height} for a subject of {picture.width}x{picture.height}."
    return {"host_width": width, "host_height": height}, note


def original_settings(page: Page, kind: str) -> tuple[dict, list[str]]:
    changes = one_click_values.original_settings(kind, page.tab, page.values, page.choices("host_sampler"))
    note = [f"The settings of the original's {kind} demo are set."]
    if "host_sampler" not in changes:
        note.append(f"This WebUI has no sampler {one_click_values.SAMPLER}; the sampler stays as it is.")
    return changes, note


def relight_this(page: Page) -> tuple[dict, str]:
    return one_click_values.relight_settings(page.values), "The img2img picture is the subject; choose a light and generate."


class Flows:
    """One tab of the page under construction; `saw` is told of every component as it is made."""

    tabs: dict[str, Flows] = {}

    def __init__(self):
        self.tab, self.host, self.panel = "", {}, None
        self.gallery = self.init_image = self.relight = None
        self.send_buttons, self.in_canvas, self.wired = {}, False, False

    def saw(self, component, is_img2img: bool) -> None:
        self.tab = "img2img" if is_img2img else "txt2img"
        elem_id = getattr(component, "elem_id", None)
        for name, pattern in one_click_values.HOST_IDS.items():
            if elem_id == pattern.format(tab=self.tab):
                self.host[name] = component
        if is_img2img and self.init_image is None:
            self.find_init_image(component, elem_id)
        if elem_id == f"{self.tab}_gallery" and self.panel is not None and not self.wired:
            self.gallery, self.wired = component, True
            self.wire()
        elif elem_id == f"{self.tab}_send_to_img2img" and self.wired:
            self.add_send_buttons()

    def find_init_image(self, component, elem_id) -> None:
        """img2img's picture: a gr.Image, or on Forge the hidden background of the canvas that begins with this id."""
        if elem_id == "img2img_image":
            self.in_canvas = not isinstance(component, gr.Image)
        elif not (self.in_canvas and "logical_image_background" in (getattr(component, "elem_classes", None) or [])):
            return
        if elem_id != "img2img_image" or not self.in_canvas:
            self.init_image = component
            self.relight = gr.Button("Relight this picture", size="sm", elem_id="img2img_relight_this")
            self.relight.do_not_save_to_config = True

    @property
    def controls(self) -> dict:
        return {**self.host, **{name: self.panel.components[name] for name in PRESET_FIELDS}}

    def wire(self) -> None:
        """Called where the results begin: every control of the tab is there by then, on every host."""
        defaults.prepare(self.panel)
        if not hasattr(self.panel, "note"):
            return
        for action in self.panel.actions:
            self.connect(action)
        if self.relight is not None:
            self.connect(Action(self.relight.click, relight_this))
            self.relight.click(fn=None, _js="() => relightShow('img2img')", api_name=False)
        names = list(self.controls)

        def undo(history):
            before = history[-1] if history else {}
            back = ", ".join(name.removeprefix("host_").replace("_", " ") for name in before)
            return self.answer(history[:-1], names, before, f"Put back: {back}." if back else "")

        panel = self.panel
        panel.undo.click(fn=undo, inputs=[panel.history], outputs=self.outputs(), show_progress=False,
                         api_name=False)

    def outputs(self) -> list:
        return [self.panel.history, self.panel.undo, self.panel.note, *self.controls.values()]

    @staticmethod
    def answer(history: list, names: list, changes: dict, note: str | list[str]) -> list:
        sentences = [note] if isinstance(note, str) else note
        shown = "".join(f"<p role='status'>{html.escape(sentence)}</p>" for sentence in sentences if sentence)
        return [history, gr.update(interactive=bool(history)), shown,
                *(gr.update(value=changes[name]) if name in changes else gr.update() for name in names)]

    def connect(self, action: Action) -> None:
        names, controls = list(self.controls), self.controls
        subject = [self.panel.components["foreground"], self.init_image] if action.takes_subject else []
        pictures = [*(self.panel.components[name] for name in IMAGE_FIELDS), self.init_image] if action.sets_pictures else []
        inputs = [part for part in (*subject, *action.inputs) if part is not None]
        outputs = [part for part in (*action.outputs, *pictures) if part is not None]

        def handler(history, *args):
            values, extra = dict(zip(names, args)), args[len(names):]
            try:
                changes, note, *rest = action.function(Page(self.tab, values, controls, self.init_image is not None), *extra)
            except Exception as error:
                if not isinstance(error, USER_ERRORS):
                    traceback.print_exc()
                changes, note, rest = {}, sentence_of(error), [gr.update() for _ in outputs]
            changes = one_click_values.really_changed(changes, values)
            return [*self.answer(one_click_values.remember(history, changes, values), names, changes, note), *rest]

        action.event(fn=handler, inputs=[self.panel.history, *controls.values(), *inputs],
                     outputs=[*self.outputs(), *outputs], show_progress=False, api_name=False)

    def add_send_buttons(self) -> None:
        """Beside the host's own Send buttons; wired by the host itself, as its own are."""
        for tab, symbol in SEND_SYMBOLS.items():
            self.send_buttons[tab] = ToolButton(symbol, elem_id=f"{self.tab}_send_to_relight_{tab}",
                                                tooltip=f"Send to Relight: this picture becomes the subject in {tab}.")
            self.send_buttons[tab].do_not_save_to_config = True
        if self.tab == "txt2img":
            Flows.tabs = {"txt2img": self}
        elif "txt2img" in Flows.tabs:
            Flows.tabs["img2img"] = self
            bind_send_buttons(Flows.tabs)


def bind_send_buttons(tabs: dict[str, Flows]) -> None:
    """Only once both tabs are there: a binding to a tab that never came would break the host's page."""
    for tab, page in tabs.items():
        target = page.panel.components["foreground"] if tab == "txt2img" else page.init_image
        sizes = [(page.host.get(name), key) for name, key in (("host_width", "Size-1"), ("host_height", "Size-2"))]
        infotext_utils.add_paste_fields(f"relight_{tab}", target, sizes if all(part for part, _ in sizes) else [])
    for page in tabs.values():
        for tab, control in page.send_buttons.items():
            infotext_utils.register_paste_params_button(infotext_utils.ParamBinding(
                paste_button=control, tabname=f"relight_{tab}", source_image_component=page.gallery))
