"""Calls the hooks of a tab's scripts; what a hook raises is printed and swallowed."""

from modules import errors
from modules.script_base import AlwaysVisible, OnComponent, Script
from modules.script_runner_ui import ScriptRunnerUI


class ScriptRunner(ScriptRunnerUI):
    """The scripts of one tab. `inputs[0]` is the scripts dropdown; a script's arguments are inputs[args_from:args_to]."""

    def __init__(self, scripts_data=()):
        self.scripts_data = scripts_data
        self.scripts, self.selectable_scripts, self.alwayson_scripts = [], [], []
        self.titles, self.title_map = [], {}
        self.infotext_fields, self.paste_field_names = [], []
        self.inputs = [None]
        self.on_before_component_elem_id, self.on_after_component_elem_id = {}, {}

    def initialize_scripts(self, is_img2img):
        for scripts in (self.scripts, self.alwayson_scripts, self.selectable_scripts):
            scripts.clear()
        for data in self.scripts_data:
            try:
                script = data.script_class()
            except Exception:
                errors.report(f"Error # failed to initialize Script {data.module}: ", exc_info=True)
                continue
            script.filename = data.path
            script.is_txt2img, script.is_img2img = not is_img2img, is_img2img
            script.tabname = "img2img" if is_img2img else "txt2img"
            self._place(script)
        self._collect_component_callbacks()

    def _place(self, script):
        visibility = script.show(script.is_img2img)
        if not visibility:
            return
        script.alwayson = visibility == AlwaysVisible
        self.scripts.append(script)
        (self.alwayson_scripts if script.alwayson else self.selectable_scripts).append(script)

    def script(self, title):
        return self.title_map.get(title.lower())

    def run(self, p, *args):
        """Run the script chosen in the dropdown (args[0] is its index + 1); None when none is chosen."""
        if not args or not args[0]:
            return None
        script = self.selectable_scripts[args[0] - 1]
        return script.run(p, *args[script.args_from:script.args_to])

    def _call(self, method, p, *before, **kwargs):
        for script in list(self.alwayson_scripts):
            if getattr(type(script), method, None) is getattr(Script, method):
                continue
            try:
                arguments = p.script_args[script.args_from:script.args_to]
                getattr(script, method)(p, *before, *arguments, **kwargs)
            except Exception:
                errors.report(f"Error running {method}: {script.filename}", exc_info=True)

    def setup_scrips(self, p, *, is_ui=True):
        for script in self.alwayson_scripts:
            if not is_ui and script.setup_for_ui_only:
                continue
            try:
                script.setup(p, *p.script_args[script.args_from:script.args_to])
            except Exception:
                errors.report(f"Error running setup: {script.filename}", exc_info=True)

    def before_process(self, p):
        self._call("before_process", p)

    def process(self, p):
        self._call("process", p)

    def before_process_init_images(self, p, pp, **kwargs):
        self._call("before_process_init_images", p, pp, **kwargs)

    def before_process_batch(self, p, **kwargs):
        self._call("before_process_batch", p, **kwargs)

    def after_extra_networks_activate(self, p, **kwargs):
        self._call("after_extra_networks_activate", p, **kwargs)

    def process_batch(self, p, **kwargs):
        self._call("process_batch", p, **kwargs)

    def process_before_every_sampling(self, p, **kwargs):
        self._call("process_before_every_sampling", p, **kwargs)

    def before_hr(self, p):
        self._call("before_hr", p)

    def on_mask_blend(self, p, mba):
        self._call("on_mask_blend", p, mba)

    def post_sample(self, p, ps):
        self._call("post_sample", p, ps)

    def postprocess_batch(self, p, images, **kwargs):
        self._call("postprocess_batch", p, images=images, **kwargs)

    def postprocess_batch_list(self, p, pp, **kwargs):
        self._call("postprocess_batch_list", p, pp, **kwargs)

    def postprocess_image(self, p, pp):
        self._call("postprocess_image", p, pp)

    def postprocess_maskoverlay(self, p, ppmo):
        self._call("postprocess_maskoverlay", p, ppmo)

    def postprocess_image_after_composite(self, p, pp):
        self._call("postprocess_image_after_composite", p, pp)

    def postprocess(self, p, processed):
        self._call("postprocess", p, processed)

    def before_component(self, component, **kwargs):
        self._component_hooks("before_component", self.on_before_component_elem_id, kwargs.get("elem_id"), component, kwargs)

    def after_component(self, component, **kwargs):
        elem_id = getattr(component, "elem_id", None)
        self._component_hooks("after_component", self.on_after_component_elem_id, elem_id, component, kwargs)

    def _component_hooks(self, method, by_id, elem_id, component, kwargs):
        calls = [lambda f=function: f(OnComponent(component)) for function in by_id.get(elem_id, [])]
        calls += [lambda s=script: getattr(s, method)(component, **kwargs) for script in self.scripts]
        for call in calls:
            try:
                call()
            except Exception:
                errors.report(f"Error running {method}", exc_info=True)

    def _collect_component_callbacks(self):
        for script in self.scripts:
            for elem_id, callback in script.on_before_component_elem_id or ():
                self.on_before_component_elem_id.setdefault(elem_id, []).append(callback)
            for elem_id, callback in script.on_after_component_elem_id or ():
                self.on_after_component_elem_id.setdefault(elem_id, []).append(callback)
            script.on_before_component_elem_id = script.on_after_component_elem_id = None
