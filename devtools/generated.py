"""Puts generated tables into a page between the comments that mark their places."""

from __future__ import annotations


def with_generated(text: str, name: str, tool: str, lines: str) -> str:
    """Return the page with the lines between `<!-- name: made by tool -->` and `<!-- end of name -->`."""
    start, end = f"<!-- {name}: made by {tool} -->", f"<!-- end of {name} -->"
    head, _, rest = text.partition(start)
    return f"{head}{start}\n{lines}\n{end}{rest.partition(end)[2]}"
