"""Writes the tables of models/README.md from lib_relight/base/known_files.json: python devtools/models_readme.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generated import with_generated

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "models" / "README.md"
HEAD = "| name | for | base | size | licence | source | SHA-256 |\n| --- | --- | --- | --- | --- | --- | --- |"
BASES = {"sd15": "SD 1.5", "sdxl": "SDXL", "": ""}


def size_of(file) -> str:
    if file.size is not None:
        return f"{file.size:,} bytes"
    return f"about {file.megabytes} MB" if file.megabytes else "not stated"


def row(file) -> str:
    licence = file.licence if file.commercial else f"**{file.licence}**"
    needs = f"; needs {', '.join(f'`{name}`' for name in file.needs)}" if file.needs else ""
    source = f"[{file.hub or 'rembg'}: {file.path or file.url.rpartition('/')[2]}]({file.source})"
    sha256 = f"`{file.sha256}`" if file.sha256 else "not known"
    return (f"| `{file.name}` | {file.purpose}{needs} | {BASES[file.base]} | {size_of(file)} | {licence} | {source} | "
            f"{sha256} |")


def table(files: Iterable) -> str:
    return "\n".join([HEAD, *map(row, files)])


def with_tables(text: str) -> str:
    """Return the page with every generated table made anew."""
    from sd_relight.lib_relight.base.known_files import known_files, of_kind

    for kind in dict.fromkeys(file.kind for file in known_files().values()):
        text = with_generated(text, kind, "devtools/models_readme.py", table(of_kind(kind).values()))
    return text


if __name__ == "__main__":
    from environments import make_root_package

    make_root_package(ROOT)
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
