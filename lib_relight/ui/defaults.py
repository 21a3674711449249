"""Which panel controls take defaults from the host's ui-config.json, each under a key of its own.

The key is tab, label and `custom_script_source`. Controls of the Light tab and of the units share labels, so each unit gets a
source of its own; the host sets the attribute after ui(), so this runs later.
"""

from __future__ import annotations

from ..request.presets import PRESET_FIELDS, item_of
from .components import Components

SOURCE = "relight.py"
KEPT = tuple(name for name in PRESET_FIELDS if (item_of(name) is None or item_of(name).metadata.get("ui_config", True)))


def keep_in_ui_config(panel: Components) -> None:
    """Call it when the tab's page is nearly built. Everything else in the accordion stays out of the file."""
    exclude(panel.components["enabled"].accordion)
    for name in KEPT:
        component = panel.components[name]
        component.do_not_save_to_config = False
        component.custom_script_source = source_of(name)


def exclude(block) -> None:
    block.do_not_save_to_config = True
    for child in getattr(block, "children", None) or ():
        exclude(child)


def source_of(name: str) -> str:
    """Return relight.py, or relight.py/picture 1 for the fields of a unit: keys of saved ui-config.json files."""
    unit, _, _ = name.partition("_")
    return f"{SOURCE}/picture {unit.removeprefix('unit')}" if unit.startswith("unit") else SOURCE
