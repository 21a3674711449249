"""Images side by side with their titles: the original first, then each light."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP, LABEL = 8, 22
PAPER, INK = (245, 244, 240), (32, 32, 32)


def grid(count: int, columns: int) -> tuple[int, int]:
    """(columns, rows) that hold `count` cells."""
    columns = max(1, min(columns, count))
    return columns, -(-count // columns)


def contact_sheet(images: Sequence[tuple[str, Image.Image]], columns: int = 3, cell: int = 256) -> Image.Image:
    """RGB sheet; each image is fitted into a square cell of `cell` pixels, its title below it."""
    columns, rows = grid(len(images), columns)
    sheet = Image.new("RGB", (columns * (cell + GAP) + GAP, rows * (cell + LABEL + GAP) + GAP), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for place, (title, image) in enumerate(images):
        left = GAP + place % columns * (cell + GAP)
        top = GAP + place // columns * (cell + LABEL + GAP)
        scale = cell / max(image.size)
        size = tuple(max(1, round(length * scale)) for length in image.size)
        small = image.convert("RGB").resize(size, Image.LANCZOS)
        sheet.paste(small, (left + (cell - size[0]) // 2, top + (cell - size[1]) // 2))
        pen.text((left + 2, top + cell + 5), title, fill=INK, font=font)
    return sheet
