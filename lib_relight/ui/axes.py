"""Adds Relight's axes to the host's X/Y/Z plot script, which has no importable module name."""

from __future__ import annotations

import os
from types import SimpleNamespace

from modules import scripts

from ..base.errors import RelightError, UserError
from ..request.panel_values import ICLIGHT_SCHEMA, UNIT_SCHEMA
from ..request.xyz_axes import Axis, axes, choices_of, overridden, put
from .components import panel_choices

SCRIPT = "xyz_grid.py"
COST = {"model": 0.6, "matting": 0.2}
"""Cost of changing a value, 0..1: the plot puts expensive axes into its outer loop."""


def register() -> None:
    """on_before_ui: add the axes unless the module already has them (hosts may reload their scripts)."""
    for data in scripts.scripts_data:
        if os.path.basename(data.path) == SCRIPT:
            add_axes(data.module)


def add_axes(module) -> None:
    present = {option.label for option in module.axis_options}
    module.axis_options.extend(option_of(module, axis) for axis in axes() if axis.label not in present)


def option_of(module, axis: Axis):
    listed = choices_of(axis, files)
    return module.AxisOption(
        axis.label, axis.kind, lambda p, value, values: put(axis, p, value), confirm=lambda p, values: confirm(axis, p, values),
        cost=COST.get(axis.name, 0.0), choices=None if listed is None else lambda: choices_of(axis, files))


def files(name: str, of_unit: bool) -> list[str] | None:
    """Current model files and matting models; None for fields whose choices the schema lists."""
    return panel_choices((UNIT_SCHEMA if of_unit else ICLIGHT_SCHEMA)[name]) if name in ("model", "matting") else None


def confirm(axis: Axis, p, values) -> None:
    """Check before the first cell that every value is valid and Relight is enabled."""
    script = next((script for script in p.scripts.alwayson_scripts if script.title() == "Relight"), None)
    try:
        for value in values:
            trial = SimpleNamespace()
            put(axis, trial, value)
            if script is not None:
                overridden(p.script_args[script.args_from:script.args_to], trial)
    except UserError as error:
        raise RelightError(str(error)) from error
