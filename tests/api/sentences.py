"""Collects the messages in the sources in the form of the Chinese table: {0}, {1} for the values of an f-string."""

import ast
import re

PACKAGES = ("lib_common", "lib_iclight", "lib_ipadapter", "lib_relight")
NOT_SHOWN = ("embedded", "pinned_pip.py", "schema.py", "body_schemas.py")
"""A host of its own, pip's troubles, which come in English, and the API's documentation."""
UserError = ("RelightError", "UserError", "WeightFileError", "error", "IcLightError", "IpAdapterError",
             "DamagedAdapterError", "DamagedOffsetsError")
WORD = re.compile(r"[A-Za-z']+")
HOLE = re.compile(r"\{\d\}")


def sources(root):
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if not set(path.parts) & set(NOT_SHOWN):
                yield path


def template(node):
    """The text of a literal, numbered holes for an f-string's values; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    text, count = "", 0
    for part in node.values:
        text += part.value if isinstance(part, ast.Constant) else f"{{{count}}}"
        count += not isinstance(part, ast.Constant)
    return text


def texts(path):
    """(template, whether a user error is raised with it) of every literal but docstrings, console lines and tags."""
    tree = ast.parse(path.read_text("utf8"))
    raised, skipped = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in UserError:
            raised |= {id(child) for child in ast.walk(node)}
        if isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "logger":
            skipped |= {id(child) for child in ast.walk(node)}
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(child) for part in node.values for child in ast.walk(part) if isinstance(part, ast.Constant)}
    for node in ast.walk(tree):
        text = template(node) if id(node) not in skipped else None
        if text and not text.lstrip().startswith("<"):
            yield text.strip(), id(node) in raised


def sentences(root):
    """Messages to users: texts that end with a full stop, and those that an error is raised with."""
    return {text for path in sources(root) for text, is_raised in texts(path)
            if text.endswith(".") and " " in text and len(WORD.findall(text)) > 2 or is_raised and len(WORD.findall(text)) > 3}


def all_texts(root):
    return {text for path in sources(root) for text, _ in texts(path)}


def as_pattern(text):
    return re.compile("(.*?)".join(re.escape(part) for part in HOLE.split(text)), re.DOTALL)
