"""The accordion, built from the schema: labels, ranges, choices and help texts are those of the fields."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr
from modules.ui_components import InputAccordion

from ..lib_iclight.params import IcLightParams
from . import finder, hooks, infotext, matting
from .request import PANEL_FIELDS, PANEL_ORDER

ITEMS = {item.name: item for item in fields(IcLightParams)}
PICTURES = {
    "foreground": ("Subject", "The subject to relight. In img2img leave it empty: the img2img picture is the subject."),
    "background": ("Background (fbc)", "The place to stand the subject in; with it, auto chooses the fbc model."),
    "light_map": ("Light map", "Bright where the light comes from; used with light 'custom'."),
    "mask": ("Mask", "White where the subject is; used with matting 'mask'."),
}


class Panel:
    """The components of one tab. `values` is in PANEL_ORDER, as the host hands them to the hooks."""

    def __init__(self, elem_id, is_img2img: bool):
        self.elem_id, self.is_img2img = elem_id, is_img2img
        self.components = {}
        with InputAccordion(False, label="Relight", elem_id=elem_id("enabled")) as self.components["enabled"]:
            self.build()
        self.values = [self.components[name] for name in PANEL_ORDER]
        for component in self.values:
            component.do_not_save_to_config = True

    @property
    def infotext_fields(self) -> list:
        pasted = [(self.components[name], read) for name, read in infotext.paste_fields()]
        return [(self.components["enabled"], lambda pairs: infotext.MARKER in pairs), *pasted]

    def build(self) -> None:
        with gr.Row():
            self.picture("foreground")
            self.picture("background")
        with gr.Row():
            self.field("light")
            self.field("model")
        with gr.Row():
            self.picture("light_map", visible=False)
            self.picture("mask", visible=False)
        with gr.Row():
            self.field("matting")
            self.field("reinforce")
        with gr.Row():
            self.field("background_flip")
            self.field("keep_background")
            self.field("compensate_steps")
            self.field("extras")
        with gr.Row():
            self.field("detail")
            self.field("detail_sigma")
            self.field("color_hold")
        with gr.Row():
            self.field("condition_scale")
            self.field("hr_option")
        for name in PANEL_FIELDS:
            if name not in self.components:
                self.field(name)
        self.show_when("light", "light_map", "custom")
        self.show_when("matting", "mask", "mask")

    def picture(self, name: str, visible: bool = True) -> None:
        label, help_text = PICTURES[name]
        with gr.Column(visible=visible, elem_id=self.elem_id(f"{name}_column")) as column:
            self.components[name] = gr.Image(
                label=label, source="upload", type="pil", image_mode="RGBA", height=260, elem_id=self.elem_id(name))
            gr.HTML(f"<p class='relight-help'>{help_text}</p>")
        self.components[f"{name}_column"] = column

    def show_when(self, control: str, picture: str, value: str) -> None:
        column = self.components[f"{picture}_column"]
        self.components[control].change(
            lambda chosen: gr.update(visible=chosen == value), inputs=[self.components[control]], outputs=[column],
            show_progress=False)

    def field(self, name: str) -> None:
        item = ITEMS[name]
        common = {"label": item.metadata["label"], "info": item.metadata["help"], "elem_id": self.elem_id(name)}
        self.components[name] = self.control(item, common)

    def control(self, item, common: dict):
        choices = panel_choices(item)
        if choices is not None:
            return gr.Dropdown(choices=choices, value=item.default, **common)
        if "bool" in item.type:
            return gr.Checkbox(value=True if item.default is None else item.default, **common)
        low, high, step = (item.metadata[key] for key in ("minimum", "maximum", "step"))
        return gr.Slider(minimum=low, maximum=high, step=step, value=item.default, **common)


def panel_choices(item) -> list[str] | None:
    """The dropdown's entries: files found for the model, matting models that exist, lights that are built."""
    if item.name == "model":
        return finder.choices(hooks.model_folders("iclight"))
    if item.name == "matting":
        return matting.choices()
    return list(item.metadata["choices"]) if "choices" in item.metadata else None
