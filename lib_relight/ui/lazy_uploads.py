"""Enables image uploads lazily on gradio 3, where every upload field costs the page a frame of its own when it opens.

relight_main.js clicks a tab's hidden button when one of its image fields becomes visible.
"""

from __future__ import annotations

import re

from .components import Components
from .light_pad import hidden_button

ENABLE = "() => Array({count}).fill({{__type__: 'update', mode: 'dynamic'}})"


def connect(panel: Components) -> None:
    """One button for the Light tab and one for each unit's tab. Call it once all image fields exist."""
    tabs = {}
    for name in panel.columns if panel.lazy_uploads else ():
        tabs.setdefault(re.match(r"(unit\d+_)?", name)[0], []).append(panel.components[name])
    for prefix, images in tabs.items():
        hidden_button(panel, f"{prefix}enable_uploads").click(
            fn=None, _js=ENABLE.format(count=len(images)), outputs=images, show_progress=False, api_name=False)
