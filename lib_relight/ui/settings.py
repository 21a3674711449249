"""The section "Relight" of the host's Settings page."""

from __future__ import annotations

import gradio as gr
from modules import shared

from ..base import settings
from ..matting import matting, model_table

SECTION = ("relight", "Relight")


def read(name: str, default):
    return getattr(shared.opts, name, default)


def start() -> None:
    """on_before_ui: read the saved options from now on, with and without a page."""
    settings.source["read"] = read
    settings.apply()


def register() -> None:
    """on_ui_settings."""
    for name, setting in settings.SETTINGS.items():
        component, arguments = component_of(name, setting)
        option = shared.OptionInfo(setting.default, setting.label, component, arguments, section=SECTION, onchange=settings.apply)
        shared.opts.add_option(name, option.info(setting.help))


def matting_models() -> list[str]:
    """The matting models and the user's files, without the words none, alpha and mask."""
    return [name for name in matting.choices() if name == "auto" or name not in model_table.WORDS]


def component_of(name: str, setting: settings.Setting):
    """(component class, arguments or a function returning them); with (None, None) the host chooses by the default's type."""
    if name == "relight_matting":
        return gr.Dropdown, lambda: {"choices": matting_models()}
    if setting.maximum is not None:
        return gr.Slider, {"minimum": 0, "maximum": setting.maximum, "step": 64}
    return None, None
