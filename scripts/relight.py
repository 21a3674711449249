"""Relight's one script: hooks in, calls out.

The packages are imported below a private root, because hosts keep every extension on sys.path and ship folders of the
same names.
"""

import importlib
import sys
import types
from pathlib import Path

from modules import script_callbacks, scripts

ROOT = Path(__file__).resolve().parent.parent


def load(name):
    """Import a module of this extension below its private root package."""
    root = sys.modules.setdefault("sd_relight", types.ModuleType("sd_relight"))
    root.__path__ = [str(ROOT)]
    return importlib.import_module(f"sd_relight.{name}")


hooks = load("lib_relight.job.hooks")
panel = load("lib_relight.ui.panel")
one_click = load("lib_relight.ui.one_click")
script_callbacks.on_app_started(load("lib_relight.web.routes").register)
script_callbacks.on_cfg_denoiser(hooks.before_step)
script_callbacks.on_app_started(load("lib_relight.ui.presets").register)
script_callbacks.on_app_started(load("lib_relight.ui.quick_prompts").register)
script_callbacks.on_before_ui(load("lib_relight.hosts.flags").apply_flags)
script_callbacks.on_before_ui(load("lib_relight.ui.settings").start)
script_callbacks.on_ui_settings(load("lib_relight.ui.settings").register)
script_callbacks.on_before_ui(load("lib_relight.ui.axes").register)
script_callbacks.on_before_ui(load("lib_relight.ui.language").register)


class Relight(scripts.Script):
    def __init__(self):
        super().__init__()
        self.one_click = one_click.OneClickActions()

    def title(self):
        return "Relight"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        built = self.one_click.panel = panel.Panel(self.elem_id, is_img2img)
        self.infotext_fields = built.infotext_fields
        self.paste_field_names = []
        return built.values

    def after_component(self, component, **kwargs):
        self.one_click.on_component(component, self.is_img2img)

    def before_process(self, p, *args):
        hooks.before_process(p, args)

    def process(self, p, *args):
        hooks.process(p)

    def process_before_every_sampling(self, p, *args, **kwargs):
        hooks.before_sampling(p, kwargs["x"], kwargs["noise"])

    def postprocess_image(self, p, pp, *args):
        hooks.postprocess_image(p, pp)

    def postprocess(self, p, processed, *args):
        hooks.postprocess(p, processed)
