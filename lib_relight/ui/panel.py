"""The accordion of one tab: builds its parts and lists the components that the host passes to the hooks."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from modules.ui_components import InputAccordion

from ..request import infotext
from ..request.ip_adapter_unit import MAX_UNITS
from ..request.panel_values import PANEL_ORDER
from . import (
    file_lists,
    guarded,
    lazy_uploads,
    light_pad,
    light_tab,
    messages_panel,
    models_section,
    one_click,
    presets,
    previews,
    quick_prompts,
    unit_tab,
)
from .components import Components, drop_api_info


class Panel(Components):
    """values: components in PANEL_ORDER; the host passes their values to every hook."""

    def __init__(self, elem_id: Callable[[str], str], is_img2img: bool):
        super().__init__(elem_id)
        self.is_img2img = is_img2img
        with InputAccordion(False, label="Relight", elem_id=elem_id("enabled")) as self.components["enabled"]:
            with gr.Row(elem_classes=["relight-status"]):
                guarded.build(self, "notices", messages_panel.build)
                one_click.add_outputs(self)
            with gr.Tabs():
                with gr.Tab("Light"):
                    light_tab.build(self)
                for number in range(1, MAX_UNITS + 1):
                    with gr.Tab(f"Image {number}"):
                        unit_tab.build(self, number)
            self.add_page_state()
            with self.folds():
                guarded.build(self, "quick prompts and examples", quick_prompts.build)
                guarded.build(self, "presets", presets.build)
                guarded.build(self, "models", models_section.build)
            guarded.build(self, "light pad", light_pad.connect)
            guarded.build(self, "previews", previews.connect)
            guarded.build(self, "notices", messages_panel.connect)
            guarded.build(self, "one-click flows", one_click.add_set_up)
            guarded.build(self, "units", unit_tab.connect)
            guarded.build(self, "file lists", file_lists.build)
            lazy_uploads.connect(self)
        for built in self.components.values():
            drop_api_info(built)
        self.values = [self.components[name] for name in PANEL_ORDER]
        for component in self.values:
            component.do_not_save_to_config = True

    @property
    def infotext_fields(self) -> list:
        """(component, reader) pairs for the host's paste button."""
        pasted = [(self.components[name], read) for name, read in infotext.paste_fields()]
        return [(self.components["enabled"], lambda pairs: infotext.MARKER in pairs), *pasted]
