"""The components that extensions take from a WebUI: form parts, the tool button, the accordion with a checkbox.

gradio reads a component's settings off the signature of its __init__, hence `wraps`.
"""

from __future__ import annotations

from functools import wraps

import gradio as gr

from modules import gradio_extensions  # noqa: F401

Form = getattr(gr.components, "Form", None) or gr.layouts.Form


class FormComponent:
    """May stand in a form beside other fields, without a gap."""

    webui_do_not_create_gradio_pyi_thank_you = True

    def get_expected_parent(self):
        return Form


gr.Dropdown.get_expected_parent = FormComponent.get_expected_parent


class ToolButton(gr.Button, FormComponent):
    """A small button with one symbol."""

    @wraps(gr.Button.__init__)
    def __init__(self, value="", *args, elem_classes=None, **kwargs):
        super().__init__(*args, elem_classes=["tool", *(elem_classes or [])], value=value, **kwargs)

    def get_block_name(self):
        return "button"


class ResizeHandleRow(gr.Row):
    webui_do_not_create_gradio_pyi_thank_you = True

    @wraps(gr.Row.__init__)
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.elem_classes.append("resize-handle-row")

    def get_block_name(self):
        return "row"


def form_version(base, name):
    """`base` as a form component; gradio still draws it as `base`."""
    block_name = base.__name__.lower()
    return type(base)(name, (base, FormComponent), {"get_block_name": lambda self: block_name, "__module__": __name__})


FormRow = form_version(gr.Row, "FormRow")
FormColumn = form_version(gr.Column, "FormColumn")
FormGroup = form_version(gr.Group, "FormGroup")
FormHTML = form_version(gr.HTML, "FormHTML")
FormColorPicker = form_version(gr.ColorPicker, "FormColorPicker")


class DropdownMulti(gr.Dropdown, FormComponent):
    @wraps(gr.Dropdown.__init__)
    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "multiselect": True})

    def get_block_name(self):
        return "dropdown"


class DropdownEditable(gr.Dropdown, FormComponent):
    @wraps(gr.Dropdown.__init__)
    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "allow_custom_value": True})

    def get_block_name(self):
        return "dropdown"


class InputAccordionImpl(gr.Checkbox):
    """A hidden checkbox (`#<elem_id>-checkbox`) and the accordion `#<elem_id>` that follows it.

    javascript puts a visible checkbox, `#<elem_id>-visible-checkbox`, into the accordion's title.
    """

    webui_do_not_create_gradio_pyi_thank_you = True
    global_index = 0

    def add_accordion(self, accordion_id, value, kwargs):
        self.accordion_id = accordion_id
        follow = f"function(checked){{ inputAccordionChecked('{accordion_id}', checked); }}"
        self.change(fn=None, inputs=[self], **{"js" if gradio_extensions.GRADIO_4 else "_js": follow})
        self.accordion = gr.Accordion(**{**kwargs, "elem_id": accordion_id, "open": bool(value),
                                         "label": kwargs.get("label", "Accordion"),
                                         "elem_classes": ["input-accordion"]})

    def extra(self):
        """A column in the accordion's title."""
        return gr.Column(elem_id=f"{self.accordion_id}-extra", elem_classes=["input-accordion-extra"], min_width=0)

    def __enter__(self):
        self.accordion.__enter__()
        return self

    def __exit__(self, exc_type=None, exc_val=None, exc_tb=None):
        self.accordion.__exit__(exc_type, exc_val, exc_tb)

    def get_block_name(self):
        return "checkbox"


def InputAccordion(value=None, **kwargs):
    """The accordion as an input: True while its checkbox is ticked. Use it in a `with` statement."""
    accordion_id = kwargs.get("elem_id")
    if accordion_id is None:
        accordion_id = f"input-accordion-{InputAccordionImpl.global_index}"
        InputAccordionImpl.global_index += 1
    checkbox = InputAccordionImpl(value=value, **{**kwargs, "elem_id": f"{accordion_id}-checkbox", "visible": False})
    checkbox.add_accordion(accordion_id, value, kwargs)
    return checkbox
