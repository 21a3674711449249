"""From `alwayson_scripts` and `script_args` of a request to the flat list of arguments that scripts are called with."""

from __future__ import annotations

from fastapi.exceptions import HTTPException


def find_script(name, scripts):
    """The script with this title, in any case. Raises HTTPException(422)."""
    for script in scripts:
        if script.title().lower() == name.lower():
            return script
    raise HTTPException(status_code=422, detail=f"Script '{name}' not found")


def build_script_uis(runner, is_img2img):
    """Give every script its place in the argument list, as the page does, when there is no page."""
    import gradio as gr

    from modules import gradio_extensions  # noqa: F401

    if not runner.scripts:
        runner.initialize_scripts(is_img2img)
    if all(getattr(script, "args_to", None) is not None for script in runner.scripts) and len(runner.inputs) > 1:
        return
    with gr.Blocks(analytics_enabled=False):
        runner.prepare_ui()
        runner.setup_ui()


def selectable_script(request, runner):
    """(script, its number from 1) of `script_name`, or (None, 0)."""
    if not request.script_name:
        return None, 0
    script = find_script(request.script_name, runner.selectable_scripts)
    return script, runner.selectable_scripts.index(script) + 1


def request_script_args(request, defaults, runner, script, number):
    """A copy of `defaults` with the request's values put in by position; surplus values are dropped."""
    values = list(defaults)
    if script is not None:
        values[script.args_from:script.args_to] = request.script_args or []
        values[0] = number
    for name, settings in (request.alwayson_scripts or {}).items():
        target = find_script(name, runner.scripts)
        if not target.alwayson:
            raise HTTPException(status_code=422,
                                detail="Cannot have a selectable script in the always on scripts params")
        given = settings.get("args", [])
        for offset in range(min(target.args_to - target.args_from, len(given))):
            values[target.args_from + offset] = given[offset]
    return values
