"""Settings and their descriptions. Needed by lib_relight/ui/settings.py (OptionInfo, add_option) and through shared.opts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


class OptionInfo:
    """One setting: default value, label, component with its arguments, and what to call after a change."""

    def __init__(self, default: Any = None, label: str = "", component: Any = None, component_args: Any = None,
                 onchange: Callable[[], None] | None = None, section: tuple[str, ...] | None = None):
        self.default, self.label = default, label
        self.component, self.component_args = component, component_args
        self.onchange, self.section = onchange, section
        self.help = ""

    def info(self, text: str) -> OptionInfo:
        """Add a help text; returns the option itself."""
        self.help = text
        return self

    def limits(self) -> tuple[float, float]:
        """Return the (lowest, highest) number that the component's arguments allow."""
        arguments = self.component_args if isinstance(self.component_args, dict) else {}
        return arguments.get("minimum", -math.inf), arguments.get("maximum", math.inf)


class Options:
    """`shared.opts`: settings as attributes; `data` holds the values, `data_labels` the descriptions."""

    data: dict[str, Any]
    data_labels: dict[str, OptionInfo]

    def __init__(self, descriptions: dict[str, OptionInfo]):
        vars(self).update(data_labels=descriptions, data={name: option.default for name, option in descriptions.items()})

    def __getattr__(self, name: str) -> Any:
        try:
            return vars(self)["data"][name]
        except KeyError:
            raise AttributeError(f"There is no setting `{name}`.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.data[name] = value

    def set(self, name: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        """Set a value and call the setting's `onchange`; returns whether the value changed."""
        if name in self.data and self.data[name] == value:
            return False
        self.data[name] = value
        option = self.data_labels.get(name)
        if run_callbacks and option and option.onchange:
            option.onchange()
        return True

    def add_option(self, name: str, option: OptionInfo) -> None:
        """Describe a further setting; a value that it already has is kept."""
        self.data_labels[name] = option
        self.data.setdefault(name, option.default)

    def problem(self, name: str, value: Any) -> str | None:
        """Return the message when a value does not fit a setting's type or range, else None."""
        option = self.data_labels.get(name)
        if option is None or option.default is None or fits(value, type(option.default), *option.limits()):
            return None
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        kind = wanted.get(type(option.default), type(option.default).__name__)
        return f"The setting `{name}` is {str(value)[:40]!r}; it must be {kind}{range_text(*option.limits())}."


def fits(value: Any, kind: type, low: float, high: float) -> bool:
    """Whether a JSON value has a setting's type and, for numbers, lies in low..high. NaN and infinity never fit."""
    if kind not in (int, float):
        return isinstance(value, kind)
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        return False
    return abs(value) <= 2**63 and low <= value <= high


def range_text(low: float, high: float) -> str:
    """Return " from LOW to HIGH", or "" without limits."""
    return f" from {low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else ""
