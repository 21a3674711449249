"""The accordion of one tab: its parts in their order, and what the host is handed."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from modules.ui_components import InputAccordion

from .. import infotext
from ..ip_request import MAX_UNITS
from ..panel import PANEL_ORDER
from . import flows, light_tab, notices, pad, parts, presets, previews, prompts, unit_tab, waking
from .components import Components, leave_undescribed


class Panel(Components):
    """`values` is in PANEL_ORDER, as the host hands them to the hooks."""

    def __init__(self, elem_id: Callable[[str], str], is_img2img: bool):
        super().__init__(elem_id)
        self.is_img2img = is_img2img
        with InputAccordion(False, label="Relight", elem_id=elem_id("enabled")) as self.components["enabled"]:
            parts.build(self, "one-click flows", flows.build)
            parts.build(self, "notices", notices.build)
            with gr.Tabs():
                with gr.Tab("Light"):
                    light_tab.build(self)
                for number in range(1, MAX_UNITS + 1):
                    with gr.Tab(f"Picture {number}"):
                        unit_tab.build(self, number)
            parts.build(self, "quick prompts and examples", prompts.build)
            parts.build(self, "presets", presets.build)
            parts.build(self, "light pad", pad.connect)
            parts.build(self, "previews", previews.connect)
            parts.build(self, "notices", notices.connect)
            waking.connect(self)
        for component in self.components.values():
            leave_undescribed(component)
        self.values = [self.components[name] for name in PANEL_ORDER]
        for component in self.values:
            component.do_not_save_to_config = True

    @property
    def infotext_fields(self) -> list:
        pasted = [(self.components[name], read) for name, read in infotext.paste_fields()]
        return [(self.components["enabled"], lambda pairs: infotext.MARKER in pairs), *pasted]
