"""One part of the panel that cannot be built leaves a sentence in its place; the others stay."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable

import gradio as gr

from .components import Components


def build(panel: Components, name: str, function: Callable, *args) -> None:
    """function(panel, *args) builds or connects the part called name; after it has failed once it is left alone."""
    if name in panel.missing:
        return
    try:
        function(panel, *args)
    except Exception as error:
        traceback.print_exc()
        panel.missing.add(name)
        gr.HTML(f"<p class='relight-error' role='alert'>{html.escape(fault(name, error))}</p>", elem_classes=["relight-part"])


def fault(name: str, error: Exception) -> str:
    return (f"The part {name!r} of Relight could not be built ({type(error).__name__}: {error}); the rest works, and the "
            "console has the traceback.")
