"""What extensions take from the hosts' modules.ui."""

from __future__ import annotations

import html


def plaintext_to_html(text, classname=None):
    """Text as HTML paragraphs, line breaks kept."""
    content = "<br>\n".join(html.escape(line) for line in str(text or "").split("\n"))
    return f"<p class='{classname}'>{content}</p>" if classname else f"<p>{content}</p>"


def create_ui():
    """The page as gr.Blocks."""
    from sd_relight.embedded_host.page import page

    return page.build_ui()
