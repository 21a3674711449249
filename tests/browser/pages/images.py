"""Images that the browser tests upload."""

from PIL import Image, ImageDraw


def draw_subject(path, size):
    """Write a brown oval on transparency to path. Returns path."""
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((16, 12, 48, 60), fill=(180, 90, 60, 255))
    image.save(path)
    return path
