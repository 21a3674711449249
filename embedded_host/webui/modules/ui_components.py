"""The WebUIs' own components. Needed by lib_relight/ui: panel.py (InputAccordion) and one_click.py (ToolButton).

gradio reads a component's arguments from the signature of its __init__, hence `wraps`.
"""

from __future__ import annotations

from functools import wraps
from itertools import count
from typing import Any

import gradio as gr
from sd_relight.embedded_host.page import gradio_compat

numbers = count()


class ToolButton(gr.Button):
    """A small button with one symbol, in line with the fields beside it."""

    @wraps(gr.Button.__init__)
    def __init__(self, value: str = "", *args: Any, elem_classes: list[str] | None = None, **kwargs: Any):
        super().__init__(value, *args, elem_classes=[*(elem_classes or ()), "tool"], **kwargs)

    def get_expected_parent(self) -> type:
        return getattr(gr.components, "Form", None) or gr.layouts.Form

    def get_block_name(self) -> str:
        return gr.Button.__name__.lower()


class AccordionCheckbox(gr.Checkbox):
    """A hidden checkbox `#<id>-checkbox` with its accordion `#<id>`, whose content is built in a `with` statement.

    javascript adds the visible checkbox, `#<id>-visible-checkbox`, to the accordion's title.
    """

    accordion: gr.Accordion

    def attach(self, accordion: gr.Accordion) -> None:
        """Open and close the accordion with the checkbox."""
        self.accordion = accordion
        script = f"(checked) => inputAccordionChecked({accordion.elem_id!r}, checked)"
        self.change(None, inputs=[self], **{gradio_compat.JS: script})

    def __enter__(self) -> AccordionCheckbox:
        gr.Accordion.__enter__(self.accordion)
        return self

    def __exit__(self, *error: Any) -> None:
        gr.Accordion.__exit__(self.accordion, *error)

    def get_block_name(self) -> str:
        return gr.Checkbox.__name__.lower()


def InputAccordion(value: bool | None = None, **kwargs: Any) -> AccordionCheckbox:
    """Return an accordion that is an input: True while its checkbox is ticked."""
    name = kwargs.pop("elem_id", None) or f"input-accordion-{next(numbers)}"
    checkbox = AccordionCheckbox(value=value, elem_id=f"{name}-checkbox", visible=gradio_compat.HIDDEN, **kwargs)
    kwargs.setdefault("label", "Accordion")
    checkbox.attach(gr.Accordion(open=bool(value), elem_id=name, elem_classes=["input-accordion"], **kwargs))
    return checkbox
