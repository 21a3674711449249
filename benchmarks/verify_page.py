"""The report of `dev.py verify` as one HTML page without other files."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

from PIL import Image

SHOWN = 256
STYLE = ("body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}table{border-collapse:collapse;"
         "font-size:13px}td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left;white-space:nowrap}"
         "div{overflow-x:auto}figure{display:inline-block;margin:0 1em 1em 0}img{display:inline-block;margin-right:4px}")
EXPLAINED = """Each row is one image, made by Relight and by IC-Light's own pipeline written out on the same networks with the
same seed; for photographs other than the astronaut that pipeline made the first step only, so PSNR is empty. Columns
<i>condition</i> to <i>text</i> are relative errors of what the UNet reads in the first step, <i>prediction</i> of what it
gives, <i>weights</i> is that of the worst merged weight relative to its offset; PSNR compares the finished images.
<i>contrast</i> is the mean luma of the subject's half towards the light minus the other half's, <i>lit side</i> compares it
with the opposite light, so two opposite lights are right or wrong together; <i>lit half brighter</i> counts contrasts above 0.
<i>colour error</i> is 0 for the subject's own mean colour, <i>detail correlation</i> 1 for its own fine detail."""


def data_url(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((SHOWN, SHOWN), Image.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def cell(value: Any) -> str:
    return escape(f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value))


def table(rows: list[dict[str, Any]]) -> str:
    """Return a table with a column for every key of the rows, in the order of their first appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
    return f"<div><table><tr>{head}</tr>{body}</table></div>"


def figure(title: str, images: dict[str, Image.Image]) -> str:
    shown = "".join(f'<img src="{data_url(image)}" alt="{escape(name)}">' for name, image in images.items())
    return f"<figure>{shown}<figcaption>{escape(title)}: {escape(', '.join(images))}</figcaption></figure>"


def page(report: dict[str, Any], pictures: list[tuple[str, dict[str, Image.Image]]]) -> str:
    verdict = "Equal to the original" if report["equal"] else "Different from the original"
    notes = "".join(f"<p>{escape(note)}</p>" for note in report["notes"])
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>Relight verify</title><style>{STYLE}</style>"
            f"<h1>{verdict}</h1><p>{escape(report['models'])}</p>{notes}"
            f"{table(report['summary'])}<h2>Images, one a row</h2>{table(report['rows'])}<p>{EXPLAINED}</p>"
            f"<h2>Model files</h2>{table(report['files'])}<h2>Machine</h2>{table([report['machine']])}<h2>Images</h2>"
            + "".join(figure(title, images) for title, images in pictures) + "</html>\n")
