"""The accordion's components by name, each made from its schema field: label, range, choices and help are the field's."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import gradio as gr

from ..base import settings
from ..matting import matting
from ..models import iclight_files, ip_adapter_files
from ..models.folders import model_folders
from ..request.panel_values import LIGHT_ITEMS

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


class Components:
    """components: name -> gradio component; columns: name -> the column around a picture, which is what is shown or hidden.

    actions: flows.Action, wired when the page is there; missing: names of parts that could not be built; pictures_sleep: they
    take no files until they are seen, see waking.py.
    """

    def __init__(self, elem_id: Callable[[str], str]):
        self.elem_id = elem_id
        self.components, self.columns = {}, {}
        self.actions, self.missing = [], set()
        self.pictures_sleep = is_gradio_3()

    def checkbox(self, name: str, label: str, value: bool, help_text: str | None = None) -> None:
        self.components[name] = gr.Checkbox(value=value, label=label, info=help_text, elem_id=self.elem_id(name))

    def picture(self, name: str, kind: str | None = None, visible: bool = True) -> None:
        label, help_text = PICTURES[kind or name]
        column = gr.Column(visible=visible, elem_id=self.elem_id(f"{name}_column"), elem_classes=["relight-picture"])
        with column as self.columns[name]:
            self.components[name] = gr.Image(
                label=label, source="upload", type="pil", image_mode="RGBA", height=260, elem_id=self.elem_id(name),
                interactive=not self.pictures_sleep)
            gr.HTML(f"<p class='relight-help'>{help_text}</p>")

    def files(self, name: str, label: str) -> None:
        self.components[name] = gr.File(label=label, file_count="multiple", elem_id=self.elem_id(name))

    def grid(self) -> gr.Row:
        """Fields side by side, as many as there is room for: style.css lays them out. Rows of their own would be two more
        components of the page for each."""
        return gr.Row(elem_classes=["relight-grid"])

    def field(self, name: str, item, visible: bool = True) -> None:
        common = {"label": item.metadata["label"], "info": item.metadata["help"], "elem_id": self.elem_id(name),
                  "visible": visible}
        self.components[name] = control(item, common)

    def show_for(self, control: str, shown_with: dict[str, tuple]) -> None:
        names = [name for name in shown_with if name in self.components]
        outputs = [self.columns.get(name, self.components[name]) for name in names]

        def begin(chosen) -> None:
            """The host calls it with a default of its own from ui-config.json, before anything has changed."""
            for name, output in zip(names, outputs):
                output.visible = chosen in shown_with[name]

        self.components[control].init_field = begin
        self.components[control].change(
            lambda chosen: [gr.update(visible=chosen in shown_with[name]) for name in names] if len(names) > 1
            else gr.update(visible=chosen in shown_with[names[0]]),
            inputs=[self.components[control]], outputs=outputs, show_progress=False, api_name=False)


def is_gradio_3() -> bool:
    return gr.__version__.startswith("3.")


def leave_undescribed(component) -> None:
    """gradio 3 writes an API's description of every component into the page, up to 15 kB for a file; ours have none there."""
    if is_gradio_3() and hasattr(component, "api_info"):
        component.api_info = component.example_inputs = dict


def control(item, common: dict):
    """The gradio component for one schema field."""
    choices, fault = listed(item)
    if choices is not None:
        value = item.default or (choices[0] if choices else None)
        return gr.Dropdown(choices=choices, value=value, **{**common, "info": fault or common["info"]})
    if "bool" in item.type:
        return gr.Checkbox(value=settings.get("relight_extras") if item.name == "extras" else item.default, **common)
    if item.type in ("str", "tuple"):
        return gr.Textbox(value=item.default or "", **common)
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    if item.default is None:
        return gr.Textbox(value="", placeholder="the model's own", **common)  # gradio 4 sends an empty Number as 0
    return gr.Slider(minimum=low, maximum=high, step=item.metadata["step"], value=item.default, **common)


def listed(item) -> tuple[list[str] | None, str | None]:
    """panel_choices, and a sentence where the files cannot be listed: the field then has its default only."""
    try:
        return panel_choices(item), None
    except Exception as error:
        traceback.print_exc()
        return [item.default] if item.default else [], (
            f"The files for this list cannot be looked through ({type(error).__name__}: {error}); check the folders' rights, "
            "then reload the page.")


def panel_choices(item) -> list[str] | None:
    """A dropdown's entries: what the schema lists, or the files and matting models that there are."""
    if item.name == "model":
        light = item is LIGHT_ITEMS["model"]
        return (iclight_files.choices(model_folders("iclight")) if light
                else ip_adapter_files.choices(model_folders("ipadapter")))
    if item.name == "matting":
        return matting.choices()
    return list(item.metadata["choices"]) if "choices" in item.metadata else None
