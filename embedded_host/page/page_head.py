"""What the page loads besides gradio: the helpers that extensions' scripts expect, then the extensions' own files."""

from __future__ import annotations

import os
import re
from pathlib import Path

OUTSIDE = rb'<link[^>]*href="https://fonts[^>]*>|<script[^>]*src="https://cdnjs[^>]*></script>'
WEB = Path(__file__).resolve().parent


def file_url(path):
    """The address under which gradio serves a file; it changes when the file does."""
    return f"file={path}?{os.path.getmtime(path)}"


def head_html():
    """Scripts and style sheets in the hosts' order: host helpers, *.js, *.mjs as modules, style.css."""
    from modules import scripts

    tags = [f'<script src="{file_url(WEB / "host.js")}"></script>']
    tags += [f'<script src="{file_url(file.path)}"></script>' for file in scripts.list_scripts("javascript", ".js")]
    tags += [f'<script type="module" src="{file_url(file.path)}"></script>'
             for file in scripts.list_scripts("javascript", ".mjs")]
    tags += [f'<link rel="stylesheet" href="{file_url(path)}">'
             for path in [WEB / "page.css", *scripts.list_files_with_name("style.css")]]
    return "\n".join(tags)


def install(head):
    """Write `head` into the page as it is served, so that its scripts run before gradio builds the page.

    gradio's own references to other servers (fonts, a frame resizer) go: the page needs nothing from outside.
    Calling it again replaces the head.
    """
    from gradio.routes import templates

    original = getattr(templates, "relight_original", templates.TemplateResponse)

    def template_response(*args, **kwargs):
        response = original(*args, **kwargs)
        body = re.sub(OUTSIDE, b"", response.body)
        response.body = body.replace(b"</head>", head.encode() + b"</head>", 1)
        response.init_headers()
        return response

    templates.relight_original = original
    templates.TemplateResponse = template_response


def served_paths():
    """Files and folders that the page may read."""
    from modules import extensions, scripts

    folders = [os.path.join(extension.path, "javascript") for extension in extensions.active()]
    return [str(WEB), *(path for path in folders if os.path.isdir(path)), *scripts.list_files_with_name("style.css")]
