"""Builds one part of the panel; if it fails, an error message takes its place and the other parts are kept."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable

import gradio as gr

from .components import Components


def build(panel: Components, name: str, function: Callable, *args) -> None:
    """Call function(panel, *args), which builds or connects the part `name`. A part that has failed is skipped from then on."""
    if name in panel.failed:
        return
    try:
        function(panel, *args)
    except Exception as error:
        traceback.print_exc()
        panel.failed.add(name)
        text = html.escape(failure_message(name, error))
        gr.HTML(f"<p class='relight-error' role='alert'>{text}</p>", elem_classes=["relight-part"])


def failure_message(name: str, error: Exception) -> str:
    return (f"The part {name!r} of Relight could not be built ({type(error).__name__}: {error}); the rest works, and the "
            "console has the traceback.")
