"""Which of our controls the host's ui-config.json keeps defaults for, each under a key of its own.

The key is the tab, the control's label and `custom_script_source`. Pictures' tabs share labels with one another and with the
Light tab, so that attribute tells them apart; the host sets it after ui(), hence this comes later.
"""

from __future__ import annotations

from ..request.presets import PRESET_FIELDS
from .components import Components

SOURCE = "relight.py"
NOT_KEPT = ("extras", "lights")
"""The first has a setting, the second is JSON that the light pad writes."""
KEPT = tuple(name for name in PRESET_FIELDS if name not in NOT_KEPT)


def prepare(panel: Components) -> None:
    """Called when the tab's page is nearly built. Whatever else there is in the accordion stays out of the file."""
    leave_out(panel.components["enabled"].accordion)
    for name in KEPT:
        component = panel.components[name]
        component.do_not_save_to_config = False
        component.custom_script_source = source_of(name)


def leave_out(block) -> None:
    block.do_not_save_to_config = True
    for child in getattr(block, "children", None) or ():
        leave_out(child)


def source_of(name: str) -> str:
    """relight.py, or relight.py/picture 1 for the fields of an image prompt."""
    unit, _, _ = name.partition("_")
    return f"{SOURCE}/picture {unit.removeprefix('unit')}" if unit.startswith("unit") else SOURCE
