"""The scripts' panels on the page, and the place of their values in a job's arguments. Needed by `script_runner`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from modules import errors
from modules.script_base import Script


def built(script: Script) -> list[Any]:
    """Create a script's components; a script whose `ui` raises is reported and has none."""
    try:
        return list(script.ui(script.is_img2img) or ())
    except Exception:
        errors.report(f"Error building the panel of {script.filename}", exc_info=True)
        return []


class ScriptPanels:
    """The lists of scripts and components that a tab's panels are built from."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.alwayson_scripts: list[Script] = []
        self.selectable_scripts: list[Script] = []
        self.infotext_fields, self.paste_field_names = [], []
        self.inputs: list[Any] = [None]

    def setup_ui(self) -> list[Any]:
        """Build the panels of all scripts and the scripts dropdown. Returns the components that a job's arguments come from."""
        import gradio as gr

        self.inputs = [None]
        self._add_panels(self.alwayson_scripts)
        titles = [script.title() for script in self.selectable_scripts]
        chooser = gr.Dropdown(["None", *titles], value="None", type="index", label="Script", elem_id="script_list")
        self.inputs[0] = chooser
        self._add_panels(self.selectable_scripts)
        if groups := [script.group for script in self.selectable_scripts]:
            chooser.change(lambda chosen: [gr.update(visible=chosen == number) for number, _ in enumerate(groups, 1)],
                           inputs=[chooser], outputs=groups)
        return self.inputs

    def _add_panels(self, scripts: Iterable[Script]) -> None:
        import gradio as gr

        for script in sorted(scripts, key=lambda script: script.sorting_priority):
            if not script.create_group:
                self._add_panel(script)
                continue
            script.group = gr.Group(visible=script.alwayson)
            with script.group:
                self._add_panel(script)

    def _add_panel(self, script: Script) -> None:
        script.name = script.title().lower()
        script.controls = built(script)
        for component in script.controls:
            component.custom_script_source = os.path.split(script.filename)[1]
        first = len(self.inputs)
        self.inputs.extend(script.controls)
        script.args_from, script.args_to = first, first + len(script.controls)
        self.infotext_fields.extend(script.infotext_fields or ())
        self.paste_field_names.extend(script.paste_field_names or ())

    def default_script_args(self) -> list[Any]:
        """Return the value of every component before anybody changed it, from panels built once more and thrown away."""
        import gradio as gr

        values: list[Any] = [0] + [None] * (len(self.inputs) - 1)
        with gr.Blocks(title="defaults", analytics_enabled=False):
            for script in self.scripts:
                if script.args_from is not None and script.args_from != script.args_to:
                    values[script.args_from:script.args_to] = [component.value for component in built(script)]
        return values
