"""Writes docs/schema.json and the field tables of docs/API.md. Run in the environment: python devtools/api_reference.py"""

from __future__ import annotations

import json
from pathlib import Path

from generated import with_generated

ROOT = Path(__file__).resolve().parent.parent
FURTHER = {"boolean": "`true`, `false`", "integer": "whole number", "string": "text", "array": "list of objects",
           "object": "object"}


def schema():
    from sd_relight.lib_relight.request.schema import request_schema

    return request_schema()


def schema_text():
    """Return the content of docs/schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def allowed(field):
    """Return the values that a field accepts: its choices, its range or its type."""
    field = next((form for form in field.get("anyOf", ()) if form.get("type") not in (None, "null")), field) | field
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"] if choice not in field.get("x-aliases", ()))
    if field["type"] == "string" and "pattern" in field and "examples" in field and len(field["examples"]) > 2:
        return ", ".join(f"`{choice}`" for choice in field["examples"]) + ", or a name"
    numbers = field.get("items", field)
    if "minimum" in numbers:
        many = "list of numbers, " if field["type"] == "array" else ""
        return f"{many}{numbers['minimum']:g} to {numbers['maximum']:g}"
    return FURTHER[field["type"]]


def row(name, field):
    if any("contentEncoding" in form for form in field.get("anyOf", ())):
        return f"| `{name}` | none | an image as base64 | {field['description']} |"
    if name == "embedding":
        return f"| `{name}` | none | list of 512 numbers | {field['description']} |"
    default = f"`{json.dumps(field['default'])}`" if "default" in field else "none" if name == "model" else "see meaning"
    return f"| `{name}` | {default} | {allowed(field)} | {field['description']} |"


def table(properties):
    """Return a Markdown table with one line per field."""
    own = {name: field for name, field in properties.items() if name != "enabled" and "title" in field or "anyOf" in field}
    rows = [row(name, field) for name, field in own.items() if "x-alias-of" not in field]
    return "\n".join(["| field | default | values | meaning |", "| --- | --- | --- | --- |", *rows])


def alias_table(properties):
    rows = [f"| `{name}` | `{field['x-alias-of']}` |" for name, field in properties.items() if "x-alias-of" in field]
    rows += [f"| `{field}`: `{alias}` | `{choice}` |" for field, part in properties.items()
             for alias, choice in part.get("x-aliases", {}).items()]
    return "\n".join(["| other name | name |", "| --- | --- |", *rows])


def tables():
    """Return the generated tables of docs/API.md by heading."""
    parts = schema()["properties"]
    light, unit = (parts[name]["anyOf"][0]["properties"] for name in ("iclight", "ip_adapter"))
    return {"iclight": table(light), "ip_adapter": table(unit), "aliases": alias_table(unit)}


def with_reference(text):
    """Return the text of docs/API.md with its generated tables replaced."""
    for name, lines in tables().items():
        text = with_generated(text, name, "devtools/api_reference.py", lines)
    return text


if __name__ == "__main__":
    from environments import make_root_package

    make_root_package(ROOT)
    page = ROOT / "docs" / "API.md"
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
    (ROOT / "docs" / "schema.json").write_text(schema_text(), "utf-8")
