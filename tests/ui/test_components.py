"""Properties that show or hide parts of the panel."""

import gradio as gr
import pytest
from sd_relight.lib_relight.ui import components
from sd_relight.lib_relight.ui.components import visibility


@pytest.mark.parametrize(("hidden", "part", "shown", "properties"), [
    ("hidden", gr.Image, False, {"visible": "hidden"}),
    ("hidden", gr.Column, False, {"elem_classes": ["relight-image-field", "relight-hidden"]}),
    ("hidden", gr.Column, True, {"elem_classes": ["relight-image-field"]}),
    (False, gr.Column, False, {"visible": False}),
    (False, gr.Slider, True, {"visible": True}),
])
def test_gradio_6_hides_columns_by_a_class(monkeypatch, hidden, part, shown, properties):
    """Its columns are visible for every value but False, with which an image in them never comes back."""
    monkeypatch.setattr(components, "HIDDEN", hidden)
    assert visibility(part, shown) == properties
