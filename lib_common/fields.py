"""Defines schema fields: metadata of dataclass fields, and validation of their values by type, range and choices."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from difflib import get_close_matches
from typing import Any

from .errors import UserError

LONGEST_REPR = 120
"""Maximum length of a value quoted in a message."""


def field_meta(label: str, help: str, *, minimum: float | None = None, maximum: float | None = None,
               step: float | None = None, length: int | None = None, choices: tuple[str, ...] | None = None,
               suggestions: tuple[str, ...] | None = None, aliases: Mapping[str, str] | None = None,
               convert: Callable[[Any], Any] | None = None, schema: Mapping[str, Any] | None = None,
               group: str | None = None, axis: bool | None = None, pad: bool | None = None,
               shown_for: Mapping[str, tuple[str, ...]] | None = None, ui_config: bool | None = None) -> dict[str, Any]:
    """Return the metadata of one schema field, without the arguments that are not given.

    minimum, maximum, step: of a number, or of each number in a list; length: of a non-empty list.
    choices: all values of a closed list.  suggestions: the fixed entries of an open one.  aliases: other spelling
    (lower case) -> choice.  convert: validates and converts the value, instead of the checks by type; schema: JSON Schema of
    the values that it accepts.
    group: where the panel places the field.  axis: offered as an X/Y/Z axis.  pad: read and set by the light pad.
    shown_for: {other field: its values for which this one has an effect}.  ui_config: False keeps it out of the host's
    ui-config.json.
    """
    given = {"minimum": minimum, "maximum": maximum, "step": step, "length": length, "choices": choices,
             "suggestions": suggestions, "aliases": aliases, "convert": convert, "schema": schema, "group": group,
             "axis": axis, "pad": pad, "shown_for": shown_for, "ui_config": ui_config}
    return {"label": label, "help": help, **{name: value for name, value in given.items() if value is not None}}


class CheckedFields:
    """Base of frozen dataclasses that check and convert their fields when they are built.

    `error` is the class that is raised, with the field's name, the value and what is allowed.
    """

    error: type[UserError] = UserError

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, item.name, check_value(item, getattr(self, item.name), self.error))

    @classmethod
    def check(cls, name: str, value: Any) -> Any:
        """Return value in the type of the field `name`, or raise `error`; rules about several fields are not applied."""
        item = next(item for item in fields(cls) if item.name == name)  # type: ignore[arg-type]
        return check_value(item, value, cls.error)


def short_repr(value: Any) -> str:
    """Return a value's repr for a message, at most LONGEST_REPR characters."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # an int of more digits than Python converts
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= LONGEST_REPR else f"{text[:LONGEST_REPR - 3]}..."


def reject_unknown(values: Iterable, known: Iterable[str], where: str, error: Callable[[str], Exception] = UserError,
                   listed: Iterable[str] | None = None) -> None:
    """Raise error for the first key that is not in known, with the nearest name or the list of them.

    where: the name of the object in the message.  listed: the names that are suggested and listed, by default all known ones.
    """
    known, listed = tuple(known), listed and tuple(listed)
    for key in values:
        if key not in known:
            near = get_close_matches(str(key), listed or known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known fields are {', '.join(listed or known)}."
            raise error(f"`{where}` has no field `{printable(str(key)[:40])}`; {hint}")


def printable(text: str) -> str:
    """Replace characters that cannot be encoded, such as lone surrogates, by `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def check_value(item: Field, value: Any, error: Callable[[str], Exception]) -> Any:
    """Return value in the field's own type, or raise error with the field's name, the value and what is allowed."""
    try:
        return converted(item, value, error)
    except UserError as raised:
        raised.field, raised.value = item.name, value
        raise


def converted(item: Field, value: Any, error: Callable[[str], Exception]) -> Any:
    if "convert" in item.metadata:
        return item.metadata["convert"](value)
    kind, _, optional = str(item.type).partition(" | ")
    if optional and value is None:
        return None
    check = {"bool": check_bool, "str": check_text, "tuple": check_list}.get(kind, check_number)
    return check(item, value, error)


def check_bool(item: Field, value: Any, error: Callable[[str], Exception]) -> bool:
    if not isinstance(value, bool):
        raise error(f"`{item.name}` is {short_repr(value)}; it must be true or false.")
    return value


def check_text(item: Field, value: Any, error: Callable[[str], Exception]) -> str:
    """Return the text, or the choice in the schema's spelling; empty only if the default is."""
    if not isinstance(value, str) or not (value.strip() or item.default == ""):
        raise error(f"`{item.name}` is {short_repr(value)}; it must be a text.")
    word = value.strip().lower()
    word = item.metadata.get("aliases", {}).get(word, word)
    closed = item.metadata.get("choices", ())
    for choice in closed or item.metadata.get("suggestions", ()):
        if word == choice.lower():
            return choice
    if closed:
        raise error(f"`{item.name}` is {short_repr(value)}; choose one of {', '.join(closed)}.")
    return value


def in_range(item: Field, value: Any) -> bool:
    """Return whether value is a number within the field's range; False for NaN."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and item.metadata["minimum"] <= value <= item.metadata["maximum"]


def check_number(item: Field, value: Any, error: Callable[[str], Exception]) -> int | float:
    whole = str(item.type) == "int"
    if not in_range(item, value) or whole and value != int(value):
        kind = "a whole number" if whole else "a number"
        low, high = item.metadata["minimum"], item.metadata["maximum"]
        raise error(f"`{item.name}` is {short_repr(value)}; it must be {kind} from {low:g} to {high:g}.")
    return int(value) if whole else float(value)


def check_list(item: Field, value: Any, error: Callable[[str], Exception]) -> tuple[float, ...]:
    length = item.metadata.get("length")
    good = isinstance(value, (list, tuple)) and all(in_range(item, entry) for entry in value)
    if not good or length and value and len(value) != length:
        count = f"{length} numbers" if length else "numbers"
        low, high = item.metadata["minimum"], item.metadata["maximum"]
        raise error(f"`{item.name}` is {short_repr(value)}; it must be a list of {count} from {low:g} to {high:g}.")
    return tuple(float(entry) for entry in value)
