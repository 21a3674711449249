"""The accordion, built from the schema: labels, ranges, choices and help texts are those of the fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import gradio as gr
from modules.ui_components import InputAccordion

from ..lib_iclight.params import IcLightParams
from ..lib_ipadapter.params import IpAdapterParams
from . import finder, hooks, infotext, ip_files, matting
from .ip_request import MAX_UNITS
from .panel import LIGHT_FIELDS, PANEL_ORDER, UNIT_FIELDS, unit_name

LIGHT_ITEMS = {item.name: item for item in fields(IcLightParams)}
UNIT_ITEMS = {item.name: item for item in fields(IpAdapterParams)}
PICTURES = {
    "foreground": ("Subject", "The subject to relight. In img2img leave it empty: the img2img picture is the subject."),
    "background": ("Background (fbc)", "The place to stand the subject in; with it, auto chooses the fbc model."),
    "light_map": ("Light map", "Bright where the light comes from; used with light 'custom'."),
    "mask": ("Mask", "White where the subject is; used with matting 'mask'."),
    "image": ("Picture", "What the picture should look like: a style, a person, a thing."),
    "image_mask": ("Part of the picture", "White is what the encoder may see of the picture; empty for all of it."),
    "negative_image": ("Negative picture", "What the negative side sees when Unconditional is 'image'."),
    "unit_mask": ("Where it works", "White where this unit works in the result; empty for everywhere."),
}
SHOWN_WITH = {"light_angle": ("angle",), "light_x": ("spot",), "light_y": ("spot",), "light_radius": ("spot",),
              "light_map": ("custom",)}
"""Controls that mean something for some lights only."""
LIGHT_ROWS = (("model", "light"), ("light_angle", "light_x", "light_y", "light_radius"), ("matting", "reinforce"),
              ("background_flip", "keep_background", "compensate_steps", "extras"))
MORE_ROWS = (("light_start", "light_end"), ("light_color", "light_gamma"), ("detail", "detail_sigma", "color_hold"),
             ("condition_scale", "hr_option"))
UNIT_ROWS = (("model", "weight"), ("weight_type", "combine"), ("start", "end"))


class Panel:
    """The components of one tab. `values` is in PANEL_ORDER, as the host hands them to the hooks."""

    def __init__(self, elem_id: Callable[[str], str], is_img2img: bool):
        self.elem_id, self.is_img2img = elem_id, is_img2img
        self.components, self.columns = {}, {}
        with InputAccordion(False, label="Relight", elem_id=elem_id("enabled")) as self.components["enabled"]:
            with gr.Tabs():
                with gr.Tab("Light"):
                    self.build_light()
                for number in range(1, MAX_UNITS + 1):
                    with gr.Tab(f"Picture {number}"):
                        self.build_unit(number)
        self.values = [self.components[name] for name in PANEL_ORDER]
        for component in self.values:
            component.do_not_save_to_config = True

    @property
    def infotext_fields(self) -> list:
        pasted = [(self.components[name], read) for name, read in infotext.paste_fields()]
        return [(self.components["enabled"], lambda pairs: infotext.MARKER in pairs), *pasted]

    def build_light(self) -> None:
        self.checkbox("iclight", "Relight with IC-Light", True)
        with gr.Row():
            self.picture("foreground")
            self.picture("background")
            self.picture("light_map", visible=False)
            self.picture("mask", visible=False)
        self.light_rows(LIGHT_ROWS)
        with gr.Accordion("More", open=False, elem_id=self.elem_id("more")):
            self.light_rows(MORE_ROWS)
            self.light_rows((tuple(name for name in LIGHT_FIELDS if name not in self.components),))
        self.show_for("light", SHOWN_WITH)
        self.show_for("matting", {"mask": ("mask",)})

    def light_rows(self, rows: tuple) -> None:
        for row in rows:
            with gr.Row():
                for name in row:
                    if name in LIGHT_FIELDS:
                        self.field(name, LIGHT_ITEMS[name], visible=name not in SHOWN_WITH)

    def build_unit(self, number: int) -> None:
        """One image prompt. Its controls are called unit1_weight and so on."""
        self.checkbox(unit_name(number, "enabled"), "Enable this picture", False)
        with gr.Row():
            self.picture(unit_name(number, "image"), "image")
            self.picture(unit_name(number, "mask"), "unit_mask")
        self.checkbox(unit_name(number, "use_subject"), "Use the subject as picture", False,
                      "Keeps the subject's identity and material while its light changes; its matte says where.")
        self.components[unit_name(number, "more")] = gr.File(
            label="More pictures", file_count="multiple", elem_id=self.elem_id(unit_name(number, "more")))
        self.unit_rows(number, UNIT_ROWS)
        with gr.Accordion("More", open=False, elem_id=self.elem_id(unit_name(number, "rest"))):
            with gr.Row():
                self.picture(unit_name(number, "image_mask"), "image_mask")
                self.picture(unit_name(number, "negative_image"), "negative_image")
            rest = [name for name in UNIT_FIELDS if unit_name(number, name) not in self.components]
            self.unit_rows(number, [rest[i:i + 3] for i in range(0, len(rest), 3)])

    def unit_rows(self, number: int, rows) -> None:
        for row in rows:
            with gr.Row():
                for name in row:
                    self.field(unit_name(number, name), UNIT_ITEMS[name])

    def checkbox(self, name: str, label: str, value: bool, help_text: str | None = None) -> None:
        self.components[name] = gr.Checkbox(value=value, label=label, info=help_text, elem_id=self.elem_id(name))

    def picture(self, name: str, kind: str | None = None, visible: bool = True) -> None:
        label, help_text = PICTURES[kind or name]
        with gr.Column(visible=visible, elem_id=self.elem_id(f"{name}_column")) as self.columns[name]:
            self.components[name] = gr.Image(
                label=label, source="upload", type="pil", image_mode="RGBA", height=260, elem_id=self.elem_id(name))
            gr.HTML(f"<p class='relight-help'>{help_text}</p>")

    def show_for(self, control: str, shown_with: dict[str, tuple]) -> None:
        names = [name for name in shown_with if name in self.components]
        outputs = [self.columns.get(name, self.components[name]) for name in names]
        self.components[control].change(
            lambda chosen: [gr.update(visible=chosen in shown_with[name]) for name in names] if len(names) > 1
            else gr.update(visible=chosen in shown_with[names[0]]),
            inputs=[self.components[control]], outputs=outputs, show_progress=False)

    def field(self, name: str, item, visible: bool = True) -> None:
        common = {"label": item.metadata["label"], "info": item.metadata["help"], "elem_id": self.elem_id(name),
                  "visible": visible}
        self.components[name] = control(item, common)


def control(item, common: dict):
    """The gradio component for one schema field."""
    choices = panel_choices(item)
    if choices is not None:
        return gr.Dropdown(choices=choices, value=item.default or (choices[0] if choices else None), **common)
    if "bool" in item.type:
        return gr.Checkbox(value=True if item.default is None else item.default, **common)
    if item.type in ("str", "tuple"):
        return gr.Textbox(value=item.default or "", **common)
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    if item.default is None:
        return gr.Textbox(value="", placeholder="the model's own", **common)  # gradio 4 sends an empty Number as 0
    return gr.Slider(minimum=low, maximum=high, step=item.metadata["step"], value=item.default, **common)


def panel_choices(item) -> list[str] | None:
    """A dropdown's entries: what the schema lists, or the files and matting models that there are."""
    if item.name == "model":
        light = item is LIGHT_ITEMS["model"]
        return finder.choices(hooks.model_folders("iclight")) if light else ip_files.choices(hooks.model_folders("ipadapter"))
    if item.name == "matting":
        return matting.choices()
    return list(item.metadata["choices"]) if "choices" in item.metadata else None
