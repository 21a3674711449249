"""The folded section Models; javascript/relight/models.js fills it from the API when it is opened."""

from __future__ import annotations

import gradio as gr

from .components import Components
from .light_pad import tab_of


def build(panel: Components) -> None:
    with panel.fold("Models", "models"):
        gr.HTML(f"<div class='relight-models' data-tab='{tab_of(panel)}'></div>", elem_id=panel.elem_id("models_list"))
