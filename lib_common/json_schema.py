"""Writes JSON Schema (draft 2020-12) for dataclass fields with the metadata of `fields.field_meta`."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

Schema = dict[str, Any]


def properties_of(cls: type) -> dict[str, Schema]:
    """Return {field name: schema} of a dataclass."""
    return {item.name: field_schema(item) for item in fields(cls)}


def field_schema(item: Field) -> Schema:
    """Return one field's schema with its title, description and default; a default of None is left out."""
    schema = {"title": item.metadata["label"], "description": item.metadata["help"], **value_schema(item)}
    if item.default is not None:
        schema["default"] = list(item.default) if isinstance(item.default, tuple) else item.default
    return schema


def value_schema(item: Field) -> Schema:
    """Return the schema of the values that `fields.check_value` accepts.

    Texts are stricter here: choices in the spelling of the list, without spaces around them.
    """
    if "schema" in item.metadata:
        return dict(item.metadata["schema"])
    kind, _, optional = str(item.type).partition(" | ")
    schema = {"bool": bool_schema, "str": text_schema, "tuple": list_schema}.get(kind, number_schema)(item)
    return {"anyOf": [schema, {"type": "null"}]} if optional else schema


def bool_schema(item: Field) -> Schema:
    return {"type": "boolean"}


def text_schema(item: Field) -> Schema:
    """Return an enum of the choices and their aliases, or any text with the suggestions as examples."""
    aliases = dict(item.metadata.get("aliases", {}))
    if "choices" in item.metadata:
        names = {"x-aliases": aliases} if aliases else {}
        return {"type": "string", "enum": [*item.metadata["choices"], *aliases], **names}
    examples = {"examples": list(item.metadata["suggestions"])} if item.metadata.get("suggestions") else {}
    not_blank = {} if item.default == "" else {"pattern": r"\S"}
    return {"type": "string", **not_blank, **examples}


def number_schema(item: Field) -> Schema:
    kind = "integer" if str(item.type).startswith("int") else "number"
    return {"type": kind, "minimum": item.metadata["minimum"], "maximum": item.metadata["maximum"]}


def list_schema(item: Field) -> Schema:
    """Return a list of numbers; one with a given length may be empty."""
    numbers = {"type": "array", "items": number_schema(item)}
    if length := item.metadata.get("length"):
        numbers |= {"maxItems": length, "anyOf": [{"maxItems": 0}, {"minItems": length}]}
    return numbers
