"""Hypothesis strategies of what a host with the demo models can run: images of every kind, extreme values, unusual combinations."""

import copy

import numpy as np
from attack import strategies
from encoding import encoded
from hypothesis import strategies as st
from PIL import Image
from sd_relight.lib_ipadapter.params import ALIASES
from sd_relight.lib_relight.request.presets import PRESET_FIELDS
from sd_relight.lib_relight.request.schema import request_schema

NOISE = np.random.default_rng(14).integers(0, 256, (240, 240, 4)).astype(np.uint8)
CHOICES = {"iclight": {"model": ["auto", "fc", "fbc"], "matting": ["none", "alpha", "mask", "auto", "quick"], "family": ["auto"],
                       "set": ["none"] * 5 + ["sides", "lights", "sweep"], "set_frames": [2, 3], "matte_grow": [-2.5, 0, 64],
                       "matte_feather": [0, 3, 64],
                       "place": [None, {"x": 0.3, "scale": 0.4}, {"x": 0.9, "y": 1.1, "scale": 3}]},
           "ip_adapter": {"family": ["auto"], "uncond": ["official", "black", "noise", "image"], "crop": ["center", "pad", "stretch", "box"], "face_index": [-1, 0, 63]}}
"""Values of fields whose others need files or packages that are not there, or minutes."""


def noise(width, height, mode="RGB"):
    return Image.fromarray(NOISE[:height, :width]).convert(mode)


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(noise(90, 40), "JPEG", exif=exif)


OPAQUE = (encoded(noise(16, 16)), encoded(noise(240, 17)), encoded(noise(16, 233)), encoded(noise(64, 64, "L")), encoded(noise(50, 31, "1")),
          encoded(noise(77, 76, "P")), encoded(noise(64, 48, "CMYK"), "JPEG"), encoded(noise(65, 65), "BMP"), encoded(noise(80, 60), "WEBP"),
          encoded(Image.fromarray(np.add.outer(np.arange(40), np.arange(70)).astype(np.uint16) * 500)), rotated(),
          encoded(noise(60, 60, "P"), "GIF", save_all=True, append_images=[noise(60, 60, "L").convert("P")]),
          encoded(Image.fromarray(NOISE[:50, :70, 0].astype(np.float32) / 255), "TIFF"), "data:image/png;base64," + encoded(noise(32, 32)))
CUT_OUT = (encoded(noise(64, 64, "RGBA")), encoded(noise(120, 33, "LA")), encoded(noise(70, 50, "RGBA"), "WEBP"),
           encoded(noise(64, 64, "P"), transparency=3))
IMAGES = st.sampled_from([*OPAQUE, *CUT_OUT])


def runnable_schema():
    schema = request_schema()
    for part, choices in CHOICES.items():
        properties = schema["properties"][part]["anyOf"][0]["properties"]
        for name, values in choices.items():
            if name in properties:
                properties[name] = {**properties[name], "enum": values}
        del properties["enabled"]
        properties.pop("embedding", None)
        for name in [name for name in properties if name.endswith("_file")]:
            del properties[name]
    return schema


FROM_SCHEMA = strategies.requests(runnable_schema(), most=16)


@st.composite
def requests(draw):
    """A request that keeps the rules between fields, images included."""
    request = copy.deepcopy(draw(FROM_SCHEMA))
    if "iclight" in request:
        request["iclight"] = with_images(draw, request["iclight"])
    if "ip_adapter" in request:
        units = request["ip_adapter"] if isinstance(request["ip_adapter"], list) else [request["ip_adapter"]]
        request["ip_adapter"] = [unit_with_images(draw, unit, "iclight" in request) for unit in units]
    return request


def with_images(draw, fields):
    """IC-Light fields with the images that the other fields use, and no others."""
    fields = {"matting": "none", **fields}
    if fields.get("set") in ("lights", "sweep"):
        fields |= {"light": "left", "lights": [{"light": "right", "light_color": draw(st.sampled_from(["#000000", "#ff8000", "1900K"]))}]}
    elif fields.get("set") == "sides" and fields.get("light") == "custom":
        fields["light"] = "top"
    for name in ("foreground", "background", "light_map", "mask", "light_from"):
        fields.pop(name, None)
    fields["foreground"] = draw(st.sampled_from(CUT_OUT) if fields["matting"] == "alpha" else IMAGES)
    if fields.get("light") == "custom":
        fields["light_map"] = draw(IMAGES)
    if fields["matting"] == "mask":
        fields["mask"] = fields["foreground"]  # one of another shape is rejected
    if fields.get("model", "auto") != "fc" and draw(st.booleans()):
        fields["background"] = draw(IMAGES)
    elif fields.get("model") == "fbc" and fields.get("light", "none") == "none":
        fields["light"] = "bottom-right"
    return fields


def unit_with_images(draw, unit, has_subject):
    """An IP-Adapter unit with images and masks in numbers and shapes that fit."""
    unit = {name: value for name, value in unit.items() if ALIASES.get(name, name) not in ("image", "mask", "image_mask", "negative_image")}
    images = draw(st.lists(IMAGES, min_size=1, max_size=1 if unit.get("tiled") else 3))
    unit["image"] = images if len(images) > 1 or draw(st.booleans()) else images[0]
    if has_subject and draw(st.integers(0, 4)) == 0 and not unit.get("tiled"):
        unit["image"] = "subject"
    elif draw(st.booleans()):
        unit["image_mask"] = images[:1]
    if draw(st.booleans()):
        unit["mask"] = draw(IMAGES)
    if unit.get("uncond") == "image":
        unit["negative_image"] = draw(IMAGES)
    return unit


SIZES = st.sampled_from([(64, 64), (64, 64), (96, 64), (64, 128), (72, 88)])


@st.composite
def host_fields(draw):
    """Fields of a small job: its size, batch and passes; in img2img its images and mask."""
    width, height = draw(SIZES)
    fields = {"width": width, "height": height, "steps": draw(st.integers(1, 2)), "cfg_scale": draw(st.sampled_from([1.0, 2.0, 30.0])),
              "batch_size": draw(st.sampled_from([1, 1, 1, 2])), "n_iter": draw(st.sampled_from([1, 1, 1, 2])),
              "sampler_name": draw(st.sampled_from(["Euler", "Euler a", "DPM++ 2M", "DDIM"]))}
    kind = draw(st.sampled_from(["txt2img", "txt2img", "hires", "img2img", "inpaint"]))
    if kind == "hires":
        fields |= {"enable_hr": True, "hr_scale": draw(st.sampled_from([1.0, 1.2, 1.5])), "denoising_strength": draw(st.sampled_from([0.0, 0.7, 1.0]))}
    elif kind != "txt2img":
        fields |= {"init_images": [draw(IMAGES)], "denoising_strength": draw(st.sampled_from([0.4, 0.95, 1.0])),
                   "resize_mode": draw(st.integers(0, 2))}
    if kind == "inpaint":
        fields |= {"mask": strategies.png(np.triu(np.full((96, 96), 255, np.uint8))), "inpaint_full_res": draw(st.booleans()),
                   "mask_blur": draw(st.sampled_from([0, 4])), "inpainting_mask_invert": draw(st.integers(0, 1))}
    return fields


@st.composite
def previews(draw):
    """(kind, body) of a preview that can be computed."""
    kind = draw(st.sampled_from(["light", "light", "matte", "foreground", "crop", "frame"]))
    body = draw(requests())
    body.setdefault("iclight", {"light": "left", "foreground": OPAQUE[0], "matting": "none"})
    if kind == "light" and body["iclight"].get("light", "none") == "none":
        body["iclight"]["light"] = "ambient"
    if kind == "crop":
        body.setdefault("ip_adapter", {"model": "ip-adapter", "image": draw(IMAGES)})
    body |= {"width": draw(st.sampled_from([16, 17, 64, 333])), "height": draw(st.sampled_from([16, 31, 64, 500])), "id": "attack"}
    if kind == "frame" or draw(st.booleans()):
        body |= {"tab": "img2img", "init_images": draw(st.lists(IMAGES, min_size=1, max_size=3)), "resize_mode": draw(st.integers(0, 3)),
                 "mask_blur": draw(st.sampled_from([0, 4, 64])), "inpaint_full_res": draw(st.booleans()),
                 "inpaint_full_res_padding": draw(st.sampled_from([0, 32, 256])), "inpainting_mask_invert": draw(st.booleans())}
        if draw(st.booleans()):
            body["mask"] = draw(IMAGES)
    return kind, body


def preset_schemas():
    """Field name -> schema, for fields of a preset that take JSON as in the API."""
    parts = {part: runnable_schema()["properties"][part]["anyOf"][0]["properties"] for part in CHOICES}
    found = {}
    for name in PRESET_FIELDS:
        unit, _, rest = name.partition("_")
        schema = parts["ip_adapter"].get(rest) if unit.startswith("unit") else parts["iclight"].get(name)
        if schema is not None and schema.get("type") in ("number", "integer", "boolean", "string"):
            found[name] = schema
    return found


def presets():
    return st.fixed_dictionaries({}, optional={name: strategies.valid(schema) for name, schema in preset_schemas().items()})
