"""Text as HTML. Needed by the page's jobs (`txt2img`, `img2img`)."""

from __future__ import annotations

import html


def plaintext_to_html(text: object, classname: str | None = None) -> str:
    """Return the text as one HTML paragraph, with its line breaks."""
    lines = [html.escape(line) for line in str(text or "").split("\n")]
    attribute = f" class='{classname}'" if classname else ""
    return f"<p{attribute}>" + "<br>\n".join(lines) + "</p>"
