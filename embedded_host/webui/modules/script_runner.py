"""The scripts of one tab: `ScriptRunner` creates them, builds their panels and calls their hooks. Needed as `p.scripts`.

What a hook raises is printed, and the job goes on, as in every WebUI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

from modules import errors, script_base
from modules.script_base import Script
from modules.script_panels import ScriptPanels


@contextmanager
def reported(what: str):
    """Print what the body raises instead of raising it."""
    try:
        yield
    except Exception:
        errors.report(f"Error running {what}", exc_info=True)


class ScriptRunner(ScriptPanels):
    """`inputs[0]` is the scripts dropdown, a script's values are inputs[args_from:args_to]."""

    def __init__(self, scripts_data: Iterable = ()):
        super().__init__()
        self.scripts_data = scripts_data

    def initialize_scripts(self, is_img2img: bool) -> None:
        """Create the tab's scripts anew."""
        for earlier in (self.scripts, self.alwayson_scripts, self.selectable_scripts, self.infotext_fields,
                        self.paste_field_names):
            earlier.clear()
        for data in self.scripts_data:
            with reported(f"the constructor of {data.path}"):
                self._add(data.script_class(), data.path, is_img2img)

    def _add(self, script: Script, path: str, is_img2img: bool) -> None:
        script.filename, script.is_img2img, script.is_txt2img = path, is_img2img, not is_img2img
        shown = script.show(is_img2img)
        if not shown:
            return
        script.alwayson = shown is script_base.AlwaysVisible
        for scripts in (self.scripts, self.alwayson_scripts if script.alwayson else self.selectable_scripts):
            scripts.append(script)

    def run(self, p: Any, *args: Any) -> Any:
        """Run the script chosen in the dropdown; args[0] is its number from 1. Returns None when none is chosen."""
        if not args or not args[0]:
            return None
        chosen = self.selectable_scripts[args[0] - 1]
        return chosen.run(p, *args[chosen.args_from:chosen.args_to])

    def setup_scrips(self, p: Any, *, is_ui: bool = True) -> None:
        """Call the hook `setup`, under the name that the hosts give this method."""
        self.call_hook("setup", p)

    def call_hook(self, hook: str, p: Any, *before: Any, **named: Any) -> None:
        """Call a hook of every always-on script that defines it, as hook(p, *before, *component values, **named)."""
        for script in tuple(self.alwayson_scripts):
            if getattr(type(script), hook) is not getattr(Script, hook):
                with reported(f"{hook}: {script.filename}"):
                    getattr(script, hook)(p, *before, *p.script_args[script.args_from:script.args_to], **named)

    def postprocess_batch(self, p: Any, images: Any, **named: Any) -> None:
        """Call the hook that receives the batch's images by keyword."""
        self.call_hook("postprocess_batch", p, images=images, **named)

    def on_component(self, moment: str, component: Any, arguments: dict[str, Any]) -> None:
        """Tell every script of a component of the page. moment: "before_component" or "after_component"."""
        for script in self.scripts:
            with reported(f"{moment}: {script.filename}"):
                getattr(script, moment)(component, **arguments)


def _hook_method(hook: str) -> Callable[..., None]:
    def call(self: ScriptRunner, p: Any, *before: Any, **named: Any) -> None:
        self.call_hook(hook, p, *before, **named)

    return call


for _hook in script_base.HOOKS:
    if _hook not in vars(ScriptRunner):
        setattr(ScriptRunner, _hook, _hook_method(_hook))
