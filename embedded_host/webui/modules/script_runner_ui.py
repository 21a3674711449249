"""Builds the scripts' components and their entry in /script-info."""

import os

from modules import errors


def wrap_call(func, filename, funcname, *args, default=None, **kwargs):
    try:
        return func(*args, **kwargs)
    except Exception:
        errors.report(f"Error calling: {filename}/{funcname}", exc_info=True)
    return default


class ScriptRunnerUI:
    """The half of ScriptRunner that needs gradio."""

    def prepare_ui(self):
        self.inputs = [None]

    def setup_ui(self):
        """Build every script's panel and the scripts dropdown. Returns the inputs of a generation."""
        import gradio as gr

        titles = [wrap_call(script.title, script.filename, "title") or script.filename for script in self.scripts]
        self.title_map = {title.lower(): script for title, script in zip(titles, self.scripts)}
        self.titles = [title for title, script in zip(titles, self.scripts) if script in self.selectable_scripts]

        self.setup_ui_for_section(None, self.alwayson_scripts)
        dropdown = gr.Dropdown(label="Script", elem_id="script_list", choices=["None", *self.titles], value="None",
                               type="index")
        self.inputs[0] = dropdown
        self.setup_ui_for_section(None, self.selectable_scripts)
        groups = [script.group for script in self.selectable_scripts]

        def show_chosen(index):
            return [gr.update(visible=index == number + 1) for number in range(len(groups))]

        if groups:
            dropdown.change(fn=show_chosen, inputs=[dropdown], outputs=groups)
        self._collect_component_callbacks()
        return self.inputs

    def setup_ui_for_section(self, section, scriptlist=None):
        import gradio as gr

        for script in sorted(self.alwayson_scripts if scriptlist is None else scriptlist, key=lambda x: x.sorting_priority):
            if script.alwayson and script.section != section:
                continue
            if script.create_group:
                with gr.Group(visible=script.alwayson) as group:
                    self.create_script_ui(script)
                script.group = group
            else:
                self.create_script_ui(script)

    def create_script_ui(self, script):
        script.args_from = script.args_to = len(self.inputs)
        try:
            self._create_script_ui(script)
        except Exception:
            errors.report(f"Error creating UI for {script.name}: ", exc_info=True)

    def _create_script_ui(self, script):
        controls = wrap_call(script.ui, script.filename, "ui", script.is_img2img)
        script.controls = controls
        if controls is None:
            return
        script.name = wrap_call(script.title, script.filename, "title", default=script.filename).lower()
        for control in controls:
            control.custom_script_source = os.path.basename(script.filename)
        script.api_info = _api_info(script, controls)
        self.infotext_fields += script.infotext_fields or []
        self.paste_field_names += script.paste_field_names or []
        self.inputs += controls
        script.args_to = len(self.inputs)

    def default_script_args(self):
        """What every component holds before anyone touched it; ui() runs once more in a throw-away page, as in the API."""
        import gradio as gr

        values = [None] * max([1, *(script.args_to for script in self.scripts if script.args_to)])
        values[0] = 0
        with gr.Blocks():
            for script in self.scripts:
                controls = wrap_call(script.ui, script.filename, "ui", script.is_img2img)
                if controls and script.args_to > script.args_from:
                    values[script.args_from:script.args_to] = [control.value for control in controls]
        return values


def _api_info(script, controls):
    from modules.api import models

    arguments = []
    for control in controls:
        argument = models.ScriptArg(label=getattr(control, "label", None) or "")
        for field in ("value", "minimum", "maximum", "step"):
            value = getattr(control, field, None)
            if value is not None:
                setattr(argument, field, value)
        choices = getattr(control, "choices", None)
        if choices is not None:
            argument.choices = [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
        arguments.append(argument)
    return models.ScriptInfo(name=script.name, is_img2img=script.is_img2img, is_alwayson=script.alwayson, args=arguments)
