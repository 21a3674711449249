"""The section "Relight" of the host's Settings page."""

from __future__ import annotations

import gradio as gr
from modules import shared

from ..base import settings

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
        component, arguments = component_of(setting)
        option = shared.OptionInfo(setting.default, setting.label, component, arguments, section=SECTION, onchange=settings.apply)
        shared.opts.add_option(name, option.info(setting.help))


def component_of(setting: settings.Setting):
    """(component class, arguments or a function returning them); with (None, None) the host chooses by the default's type."""
    if setting.choices is not None:
        return gr.Dropdown, lambda: {"choices": setting.choices()}
    if setting.maximum is not None:
        return gr.Slider, {"minimum": 0, "maximum": setting.maximum, "step": 64}
    return None, None
