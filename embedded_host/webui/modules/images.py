"""Resizing as the WebUIs do it, saving with infotext, grids."""

import math
import os
import re

from PIL import Image, ImageColor, PngImagePlugin

from modules import paths, script_callbacks, shared
from modules.shared import opts

LANCZOS = Image.Resampling.LANCZOS


def resize_image(resize_mode, im, width, height, upscaler_name=None, force_RGBA=False):
    """Resize to width x height: 0 stretches, 1 covers and crops, 2 fits and fills the border with the edge's colours."""
    if not force_RGBA and im.mode == "RGBA":
        im = im.convert("RGB")
    upscaler = upscaler_name or opts.upscaler_for_img2img

    def resized(w, h):
        return _upscaled(im, w, h, None if im.mode == "L" or force_RGBA else upscaler)

    if resize_mode == 0:
        return resized(width, height)
    wider = width / height > im.width / im.height
    by_width = wider if resize_mode == 1 else width / height < im.width / im.height
    by_height = not by_width
    w = width if by_width else im.width * height // im.height
    h = height if by_height else im.height * width // im.width
    if width / height == im.width / im.height:
        w, h = width, height
    inner = resized(w, h)
    result = Image.new("RGBA" if force_RGBA else "RGB", (width, height))
    left, top = width // 2 - w // 2, height // 2 - h // 2
    result.paste(inner, box=(left, top))
    if resize_mode == 2:
        _fill_border(result, inner, left, top)
    return result


def _fill_border(result, inner, left, top):
    """Stretch the inner picture's outermost rows or columns over the border."""
    (width, height), (w, h) = result.size, inner.size
    if top > 0:
        result.paste(inner.resize((width, top), box=(0, 0, width, 0)), box=(0, 0))
        result.paste(inner.resize((width, top), box=(0, h, width, h)), box=(0, top + h))
    if left > 0:
        result.paste(inner.resize((left, height), box=(0, 0, 0, height)), box=(0, 0))
        result.paste(inner.resize((left, height), box=(w, 0, w, height)), box=(left + w, 0))


def _upscaled(image, width, height, upscaler_name):
    scale = max(width / image.width, height / image.height)
    if upscaler_name not in (None, "None") and scale > 1:
        upscaler = next((x for x in shared.sd_upscalers if x.name == upscaler_name), shared.sd_upscalers[0])
        image = upscaler.scaler.upscale(image, scale, upscaler.data_path)
    return image if image.size == (width, height) else image.resize((width, height), resample=LANCZOS)


def flatten(img, bgcolor):
    """RGB picture; transparent parts show bgcolor, e.g. "#ffffff"."""
    if img.mode == "RGBA":
        background = Image.new("RGBA", img.size, bgcolor)
        background.paste(img, mask=img)
        img = background
    return img.convert("RGB")


def image_grid(imgs, batch_size=1, rows=None):
    """All pictures in one, about as many rows as columns."""
    rows = min(rows or round(math.sqrt(len(imgs))), len(imgs))
    cols = math.ceil(len(imgs) / rows)
    params = script_callbacks.ImageGridLoopParams(imgs, cols, rows)
    script_callbacks.image_grid_callback(params)
    width, height = max(img.width for img in imgs), max(img.height for img in imgs)
    grid = Image.new("RGB", (params.cols * width, params.rows * height), ImageColor.getrgb("white"))
    for i, img in enumerate(params.imgs):
        x, y = i % params.cols * width, i // params.cols * height
        grid.paste(img, box=(x + (width - img.width) // 2, y + (height - img.height) // 2))
    return grid


def save_image(image, path, basename="", seed=None, prompt=None, extension="png", info=None, short_filename=False,
               no_prompt=False, grid=False, pnginfo_section_name="parameters", p=None, existing_info=None,
               forced_filename=None, suffix="", save_to_dirs=None):
    """Save under `path` as 00000-<seed>.png (or forced_filename) with the infotext inside. Returns (file, None)."""
    folder = os.path.join(paths.data_path, path or "outputs")
    os.makedirs(folder, exist_ok=True)
    name = forced_filename or _numbered(folder, basename, seed)
    filename = os.path.join(folder, f"{name}{suffix}.{extension}")
    pnginfo = dict(existing_info or {})
    if info is not None:
        pnginfo[pnginfo_section_name] = info
    params = script_callbacks.ImageSaveParams(image, p, filename, pnginfo)
    script_callbacks.before_image_saved_callback(params)
    save_image_with_geninfo(params.image, info, params.filename, existing_pnginfo=params.pnginfo)
    image.already_saved_as = params.filename
    script_callbacks.image_saved_callback(params)
    return params.filename, None


def _numbered(folder, basename, seed):
    prefix = f"{basename}-" if basename else ""
    numbers = (re.match(rf"{re.escape(prefix)}(\d+)", name) for name in os.listdir(folder))
    number = max((int(match[1]) for match in numbers if match), default=-1) + 1
    return f"{prefix}{number:05}" + (f"-{seed}" if seed is not None else "")


def save_image_with_geninfo(image, geninfo, filename, extension=None, existing_pnginfo=None,
                            pnginfo_section_name="parameters"):
    """Write a picture; in a PNG the infotext is a text chunk, in JPEG and WebP the EXIF user comment."""
    extension = extension or os.path.splitext(filename)[1].lower()
    if extension == ".png":
        texts = PngImagePlugin.PngInfo()
        for key, value in {pnginfo_section_name: geninfo, **(existing_pnginfo or {})}.items():
            if value is not None:
                texts.add_text(key, str(value))
        image.save(filename, pnginfo=texts)
        return
    exif = Image.Exif()
    if geninfo:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + geninfo.encode("utf-16be")
    image.convert("RGB").save(filename, quality=opts.jpeg_quality, exif=exif)


def read_info_from_image(image):
    """(infotext or None, every other text of the file)."""
    items = dict(image.info or {})
    geninfo = items.pop("parameters", None)
    comment = image.getexif().get_ifd(0x8769).get(0x9286) if hasattr(image, "getexif") else None
    if geninfo is None and isinstance(comment, bytes):
        text = comment[8:].decode("utf-16be" if comment.startswith(b"UNICODE") else "utf-8", errors="ignore")
        geninfo = items["exif comment"] = text
    return geninfo, {key: value for key, value in items.items() if isinstance(value, (str, int, float))}


def image_data(data):
    """(infotext, None) of an encoded picture or text file given as bytes."""
    import io

    try:
        return read_info_from_image(Image.open(io.BytesIO(data)))[0], None
    except Exception:
        return data.decode("utf8", errors="ignore"), None


def read(fp, **kwargs):
    return fix_image(Image.open(fp, **kwargs))


def fix_image(image):
    return image
