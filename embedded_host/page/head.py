"""What the page loads besides gradio: the helpers that extensions' scripts expect, then the extensions' own files."""

from __future__ import annotations

import re
from pathlib import Path

OUTSIDE = rb'<link[^>]*href="https://fonts[^>]*>|<script[^>]*src="https://cdnjs[^>]*></script>'
WEB = Path(__file__).resolve().parent


def file_url(path: str | Path) -> str:
    """Return the address under which gradio serves a file; it changes when the file does."""
    from .gradio_compat import VERSION

    return f"{'gradio_api/' if VERSION >= 5 else ''}file={path}?{Path(path).stat().st_mtime}"


def head_html() -> str:
    """Return scripts and style sheets in the WebUIs' order: page helpers, *.js, *.mjs as modules, style.css."""
    from modules.scripts import files_of_extensions

    javascript, modules = ([file for _, file in files_of_extensions("javascript", suffix)] for suffix in (".js", ".mjs"))
    tags = [f'<script src="{file_url(path)}"></script>' for path in (WEB / "host.js", *javascript)]
    tags += [f'<script type="module" src="{file_url(path)}"></script>' for path in modules]
    tags += [f'<link rel="stylesheet" href="{file_url(path)}">' for path in (WEB / "page.css", *style_sheets())]
    return "\n".join(tags)


def style_sheets() -> list[str]:
    from modules.scripts import files_of_extensions

    return [file for _, file in files_of_extensions(".", "style.css") if Path(file).name == "style.css"]


def install(head: str) -> None:
    """Write `head` into the page as it is served, so that its scripts run before gradio builds the page.

    gradio's own references to other servers (fonts, a frame resizer) are removed: the page needs nothing from outside.
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


def served_paths() -> list[str]:
    """Return the files and folders that the page may read."""
    from modules import paths

    folders = [Path(extension, "javascript") for extension in paths.extension_folders]
    return [str(WEB), *(str(folder) for folder in folders if folder.is_dir()), *style_sheets()]
