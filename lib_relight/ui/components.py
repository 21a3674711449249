"""The accordion's gradio components by field name; label, range, choices and help come from the schema."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from ...lib_iclight.params import IMAGE_FIELDS
from ..base import settings
from ..matting import matting
from ..models import iclight_files, ip_adapter_files
from ..models.folders import model_folders
from ..request.panel_values import ICLIGHT_SCHEMA, UNIT_SCHEMA
from .actions import Action, ActionOutputs

IMAGES = {
    "foreground": ("Subject", "The subject to relight. In img2img leave it empty: the img2img image is the subject."),
    "background": ("New background", "Where to place the subject; with it, auto chooses the fbc model."),
    "light_map": ("Light map", "Bright where the light comes from; used with Light 'custom'."),
    "mask": ("Cut-out mask", "White where the subject is; used with Cut-out 'mask'."),
    "normal_map": ("Normal map", "The subject's shape (OpenGL) for lights with an elevation; empty: from the matte."),
    "image": ("Image", "An image to take a style, a person or an object from."),
    "image_mask": ("Encoder mask", "White is what the encoder sees of the image; empty for all of it."),
    "negative_image": ("Negative image", "What the negative side sees when Negative side is 'image'."),
    "unit_mask": ("Region mask", "White where this unit applies in the result; empty for everywhere."),
}

HIDDEN = "hidden" if int(gr.__version__.partition(".")[0]) >= 6 else False
"""`visible` of fields that do not apply now; with gradio 6.17, False keeps an image field off the page for good."""
UNIT_IMAGES = {"image": "image", "mask": "unit_mask", "image_mask": "image_mask", "negative_image": "negative_image"}
"""Image field of a unit -> its entry of IMAGES."""


def field_labels() -> dict[str, dict[str, str]]:
    """Return API field name -> label, for IC-Light's fields ("light") and a unit's ("unit")."""
    light = {name: IMAGES[name][0] for name in IMAGE_FIELDS}
    unit = {name: IMAGES[entry][0] for name, entry in UNIT_IMAGES.items()}
    return {"light": {**light, **{name: item.metadata["label"] for name, item in ICLIGHT_SCHEMA.items()}},
            "unit": {**unit, **{name: item.metadata["label"] for name, item in UNIT_SCHEMA.items()}, "ip_adapter": "IP-Adapter"}}


def image_help() -> dict[str, str]:
    """Return image field -> help, with unit1_ and so on left out of a unit's."""
    return {**{name: IMAGES[name][1] for name in IMAGE_FIELDS},
            **{f"unit_{name}": IMAGES[entry][1] for name, entry in UNIT_IMAGES.items()}}


class Components:
    """Builds components and keeps them by name.

    components: field name -> gradio component.
    columns: image field name -> the column around it, which is what is shown or hidden.
    page_state: first input of the events that need what only the page knows; their JavaScript replaces its value.
    actions: connected once all controls of the page exist (one_click.py); action_outputs: None until they are built.
    failed: names of the parts of the panel that could not be built (guarded.py).
    lazy_uploads: image fields accept files only once they are visible (lazy_uploads.py).
    """

    def __init__(self, elem_id: Callable[[str], str]):
        self.elem_id = elem_id
        self.components: dict[str, gr.components.Component] = {}
        self.columns: dict[str, gr.Column] = {}
        self.page_state: gr.Textbox | None = None
        self.actions: list[Action] = []
        self.action_outputs: ActionOutputs | None = None
        self.failed: set[str] = set()
        self.lazy_uploads = is_gradio_3()

    def add_page_state(self) -> None:
        self.page_state = gr.Textbox("", visible=False, elem_id=self.elem_id("page_state"))
        self.page_state.do_not_save_to_config = True

    def checkbox(self, name: str, label: str, value: bool, help_text: str | None = None) -> None:
        self.components[name] = gr.Checkbox(value=value, label=label, info=help_text, elem_id=self.elem_id(name))

    def image(self, name: str, text_key: str | None = None, visible: bool = True) -> None:
        """text_key: entry of IMAGES; the field's name by default. javascript/relight/access.js adds the help as a tooltip."""
        label = IMAGES[text_key or name][0]
        look = {"elem_classes": ["relight-image-field"], **visibility(gr.Column, visible)}
        column = gr.Column(elem_id=self.elem_id(f"{name}_column"), **look)
        with column as self.columns[name]:
            self.components[name] = gr.Image(
                label=label, source="upload", type="pil", image_mode="RGBA", height=260, elem_id=self.elem_id(name),
                interactive=not self.lazy_uploads)
            pass_damaged_files(self.components[name])

    def files(self, name: str, label: str) -> None:
        self.components[name] = gr.File(label=label, file_count="multiple", elem_id=self.elem_id(name))

    def grid(self) -> gr.Row:
        """A row whose fields style.css lays out in as many columns as fit; a gr.Row per line would add components."""
        return gr.Row(elem_classes=["relight-grid"])

    def folds(self) -> gr.Row:
        """Folded sections side by side; style.css gives an open one the whole width."""
        return gr.Row(elem_classes=["relight-folds"])

    def fold(self, title: str, name: str) -> gr.Accordion:
        return gr.Accordion(title, open=False, elem_id=self.elem_id(name))

    def field(self, name: str, item, visible: bool = True) -> None:
        common = {"label": item.metadata["label"], "info": item.metadata["help"], "elem_id": self.elem_id(name),
                  "visible": visible or HIDDEN}
        self.components[name] = control(item, common)

    def show_for(self, control: str, shown_with: dict[str, tuple]) -> None:
        """Show each field only while `control` has one of the listed values."""
        names = [name for name in shown_with if name in self.components]
        outputs = [self.columns.get(name, self.components[name]) for name in names]

        def apply_default(chosen) -> None:
            """Hosts call this with a default from ui-config.json before any change event."""
            for name, output in zip(names, outputs):
                vars(output).update(visibility(type(output), chosen in shown_with[name]))

        def updates(chosen):
            made = [gr.update(**visibility(type(output), chosen in shown_with[name])) for name, output in zip(names, outputs)]
            return made if len(made) > 1 else made[0]

        self.components[control].init_field = apply_default
        self.components[control].change(updates, inputs=[self.components[control]], outputs=outputs, queue=False,
                                        show_progress=False, api_name=False)


def visibility(part: type, visible: bool) -> dict:
    """Return the properties that show or hide a component, or an image's column: gradio 6's columns ignore HIDDEN."""
    if HIDDEN and issubclass(part, gr.Column):
        return {"elem_classes": ["relight-image-field"] if visible else ["relight-image-field", "relight-hidden"]}
    return {"visible": visible or HIDDEN}


def is_gradio_3() -> bool:
    return gr.__version__.startswith("3.")


def pass_damaged_files(image: gr.Image) -> None:
    """Pass a file that cannot be decoded on as bytes or base64: the request's decoder raises the error that names the field."""
    decode = image.preprocess

    def preprocess(value):
        try:
            return decode(value)
        except Exception:  # Pillow's decoders raise many types
            return Path(value.path).read_bytes() if getattr(value, "path", None) else value

    image.preprocess = preprocess


def drop_api_info(component) -> None:
    """Keep gradio 3 from writing an API description of the component into the page (up to 15 kB for a file)."""
    if is_gradio_3() and hasattr(component, "api_info"):
        component.api_info = component.example_inputs = dict


def control(item, common: dict):
    """The gradio component for one schema field."""
    choices, problem = available_choices(item)
    if choices is not None:
        value = item.default or (choices[0] if choices else None)
        return gr.Dropdown(choices=choices, value=value, allow_custom_value=item.name == "model",
                           **{**common, "info": problem or common["info"]})
    if "bool" in item.type:
        return gr.Checkbox(value=settings.get("relight_extras") if item.name == "extras" else item.default, **common)
    if item.type in ("str", "tuple", "tuple | None"):
        return gr.Textbox(value=item.default or "", **common)
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    if item.default is None:
        return gr.Textbox(value="", placeholder="default", **common)  # gradio 4 reports an empty Number as 0
    return gr.Slider(minimum=low, maximum=high, step=item.metadata["step"], value=item.default, **common)


def available_choices(item) -> tuple[list[str] | None, str | None]:
    """Return panel_choices(item) and None, or only the default and a message if the files cannot be listed."""
    try:
        return panel_choices(item), None
    except Exception as error:
        traceback.print_exc()
        return [item.default] if item.default else [], (
            f"The files for this list cannot be read ({type(error).__name__}: {error}); check the folders' permissions, "
            "then reload the page.")


def panel_choices(item) -> list[str] | None:
    """A dropdown's entries: the schema's choices, or the weight files and matting models found."""
    if item.name == "model":
        light = item is ICLIGHT_SCHEMA["model"]
        return (iclight_files.choices(model_folders("iclight")) if light
                else [ip_adapter_files.AUTO, *ip_adapter_files.choices(model_folders("ipadapter"))])
    if item.name == "matting":
        return matting.choices()
    return list(item.metadata["choices"]) if "choices" in item.metadata else None
