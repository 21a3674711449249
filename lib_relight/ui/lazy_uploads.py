"""gradio 3 gives every picture that takes files a frame of its own, which costs the opening page more than all else of ours. So a
picture takes files from the moment it comes into sight; relight_main.js presses the button that says so."""

from __future__ import annotations

import re

from .components import Components
from .light_pad import hidden_button

AWAKE = "() => Array({count}).fill({{__type__: 'update', mode: 'dynamic'}})"


def connect(panel: Components) -> None:
    """One button for the Light tab and one for each Picture tab. To be called when all pictures are there."""
    tabs = {}
    for name in panel.columns if panel.pictures_sleep else ():
        tabs.setdefault(re.match(r"(unit\d+_)?", name)[0], []).append(panel.components[name])
    for prefix, pictures in tabs.items():
        hidden_button(panel, f"{prefix}wake").click(
            fn=None, _js=AWAKE.format(count=len(pictures)), outputs=pictures, show_progress=False, api_name=False)
