"""Contact sheets: labelled images side by side, by the host's own grid where it draws labels."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP, LABEL = 8, 22
PAPER, INK = (245, 244, 240), (32, 32, 32)
Titled = Sequence[tuple[str, Image.Image]]


def contact_sheet(images: Titled, columns: int) -> Image.Image:
    """Return an RGB sheet of the images, all of one size, each below its title."""
    from modules import images as host_images

    if hasattr(host_images, "draw_grid_annotations"):
        return by_host(host_images, images, columns)
    return plain_sheet(images, columns, max(images[0][1].size))


def by_host(host_images, images: Titled, columns: int) -> Image.Image:
    """Return the sheet as the host's X/Y/Z plot draws its grids; it labels columns, so each row is a grid of its own."""
    rows = [images[first:first + columns] for first in range(0, len(images), columns)]
    width, height = images[0][1].size
    drawn = []
    for row in rows:
        grid = host_images.image_grid([image for _, image in row], rows=1)
        titles = [[host_images.GridAnnotation(title)] for title, _ in row]
        drawn.append(host_images.draw_grid_annotations(grid, width, height, titles, [[host_images.GridAnnotation()]]))
    sheet = Image.new("RGB", (max(row.width for row in drawn), sum(row.height for row in drawn)), "white")
    top = 0
    for row in drawn:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def grid(count: int, columns: int) -> tuple[int, int]:
    """Return (columns, rows) that hold `count` cells."""
    columns = max(1, min(columns, count))
    return columns, -(-count // columns)


def plain_sheet(images: Titled, columns: int = 3, cell: int = 256) -> Image.Image:
    """Return an RGB sheet; each image is fitted into a square cell of `cell` pixels, its title below it."""
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
