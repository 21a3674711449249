"""The callbacks an extension registers outside its Script: same names and parameter objects as in every WebUI."""

import sys
from collections import namedtuple

from modules import errors

ScriptCallback = namedtuple("ScriptCallback", ["script", "callback", "name"])


class ImageSaveParams:
    def __init__(self, image, p, filename, pnginfo):
        self.image, self.p, self.filename, self.pnginfo = image, p, filename, pnginfo


class ExtraNoiseParams:
    def __init__(self, noise, x, xi):
        self.noise, self.x, self.xi = noise, x, xi


class CFGDenoiserParams:
    def __init__(self, x, image_cond, sigma, sampling_step, total_sampling_steps, text_cond, text_uncond, denoiser=None):
        self.x, self.image_cond, self.sigma = x, image_cond, sigma
        self.sampling_step, self.total_sampling_steps = sampling_step, total_sampling_steps
        self.text_cond, self.text_uncond, self.denoiser = text_cond, text_uncond, denoiser


class CFGDenoisedParams:
    def __init__(self, x, sampling_step, total_sampling_steps, inner_model):
        self.x, self.inner_model = x, inner_model
        self.sampling_step, self.total_sampling_steps = sampling_step, total_sampling_steps


class AfterCFGCallbackParams:
    def __init__(self, x, sampling_step, total_sampling_steps):
        self.x, self.sampling_step, self.total_sampling_steps = x, sampling_step, total_sampling_steps
        self.output_altered = False


class ImageGridLoopParams:
    def __init__(self, imgs, cols, rows):
        self.imgs, self.cols, self.rows = imgs, cols, rows


NAMES = ("app_started", "before_reload", "model_loaded", "ui_tabs", "ui_train_tabs", "ui_settings", "before_image_saved",
         "image_saved", "extra_noise", "cfg_denoiser", "cfg_denoised", "cfg_after_cfg", "before_component",
         "after_component", "image_grid", "infotext_pasted", "script_unloaded", "before_ui", "list_optimizers",
         "list_unets", "before_token_counter")

callback_map = {f"callbacks_{name}": [] for name in NAMES}


def _register(name):
    def on(callback, *, name=None):
        callback_map[key].append(ScriptCallback(_caller_file(), callback, name or callback.__name__))

    key = f"callbacks_{name}"
    on.__name__ = f"on_{name}"
    return on


def _caller_file():
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else "unknown file"


def _dispatch(name):
    def call(*args, **kwargs):
        for entry in list(callback_map[f"callbacks_{name}"]):
            try:
                entry.callback(*args, **kwargs)
            except Exception:
                errors.report(f"Error executing callback {name} for {entry.script}", exc_info=True)

    call.__name__ = f"{name}_callback"
    return call


for _name in NAMES:
    globals()[f"on_{_name}"] = _register(_name)
    globals()[f"{_name}_callback"] = _dispatch(_name)


def ui_tabs_callback():
    """Every (blocks, title, id) that on_ui_tabs callbacks return."""
    tabs = []
    for entry in callback_map["callbacks_ui_tabs"]:
        try:
            tabs += entry.callback() or []
        except Exception:
            errors.report(f"Error executing callback ui_tabs for {entry.script}", exc_info=True)
    return tabs


def clear_callbacks():
    for entries in callback_map.values():
        entries.clear()


def remove_current_script_callbacks():
    """Forget every callback registered from the calling file."""
    caller = _caller_file()
    for entries in callback_map.values():
        entries[:] = [entry for entry in entries if entry.script != caller]


def remove_callbacks_for_function(function):
    for entries in callback_map.values():
        entries[:] = [entry for entry in entries if entry.callback is not function]
