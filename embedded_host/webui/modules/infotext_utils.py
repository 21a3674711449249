"""Infotext, the text under a picture: reading it, and the buttons that put it back into the page."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
import tempfile

from modules import errors, shared

sys.modules["modules.generation_parameters_copypaste"] = sys.modules[__name__]  # the name before 1.8

PARAMETER = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
IMAGE_SIZE = re.compile(r"^(\d+)x(\d+)$")
FEWEST_PARAMETERS = 3

DEFAULTS = {
    "Clip skip": "1", "Hires resize-1": 0, "Hires resize-2": 0, "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler", "Hires checkpoint": "Use same checkpoint", "Hires prompt": "",
    "Hires negative prompt": "", "Mask mode": "Inpaint masked", "Masked content": "original",
    "Inpaint area": "Whole picture", "Masked area padding": 32, "Schedule type": "Automatic", "RNG": "GPU",
}

paste_fields = {}
registered_param_bindings = []


class PasteField(tuple):
    """(component, key or callable). `key` names an infotext entry; a callable gets all entries and returns a value."""

    def __new__(cls, component, target, *, api=None):
        return super().__new__(cls, (component, target))

    def __init__(self, component, target, *, api=None):
        super().__init__()
        self.api = api
        self.component = component
        self.label = target if isinstance(target, str) else None
        self.function = target if callable(target) else None


class ParamBinding:
    def __init__(self, paste_button, tabname, source_text_component=None, source_image_component=None,
                 source_tabname=None, override_settings_component=None, paste_field_names=None):
        self.paste_button = paste_button
        self.tabname = tabname
        self.source_text_component = source_text_component
        self.source_image_component = source_image_component
        self.source_tabname = source_tabname
        self.override_settings_component = override_settings_component
        self.paste_field_names = paste_field_names or []


def reset():
    paste_fields.clear()
    registered_param_bindings.clear()


def quote(text):
    """A value as infotext writes it: JSON when it holds a comma, colon or line break, else unchanged."""
    if not any(mark in str(text) for mark in ",:\n"):
        return text
    return json.dumps(text, ensure_ascii=False)


def unquote(text):
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_generation_parameters(x, skip_fields=None):
    """Infotext to a dict: "Prompt", "Negative prompt", then one entry per parameter; "512x768" as "<key>-1", "<key>-2".

    The last line holds parameters only if it names at least three. Missing entries that have a fixed meaning are
    filled from DEFAULTS. skip_fields: keys to leave out.
    """
    *lines, last = x.strip().split("\n")
    if len(PARAMETER.findall(last)) < FEWEST_PARAMETERS:
        lines.append(last)
        last = ""
    prompt, negative = _split_prompts(lines)
    entries = {}
    for key, value in PARAMETER.findall(last):
        _read_entry(entries, key, unquote(value))
    entries.update({"Prompt": prompt, "Negative prompt": negative})
    for key, value in DEFAULTS.items():
        entries.setdefault(key, value)
    for key in skip_fields or ():
        entries.pop(key, None)
    return entries


def _split_prompts(lines):
    positive, negative = [], []
    target = positive
    for line in (line.strip() for line in lines):
        if line.startswith("Negative prompt:"):
            target = negative
            line = line.removeprefix("Negative prompt:").strip()
        target.append(line)
    return "\n".join(positive), "\n".join(negative)


def _read_entry(entries, key, value):
    size = IMAGE_SIZE.match(value) if isinstance(value, str) else None
    if size:
        entries[f"{key}-1"], entries[f"{key}-2"] = size.groups()
    else:
        entries[key] = value


def create_override_settings_dict(text_pairs):
    """["Clip skip: 2"] -> {"CLIP_stop_at_last_layers": 2}, for the settings that have an infotext name."""
    given = dict(pair.split(":", maxsplit=1) for pair in text_pairs or [])
    names = {info.infotext: key for key, info in shared.opts.data_labels.items() if getattr(info, "infotext", None)}
    return {names[name]: cast_like(shared.opts.get_default(names[name]), value.strip())
            for name, value in given.items() if name in names}


def get_override_settings(params, *, skip_fields=None):
    """[(infotext name, setting, value)] of the settings in `params` that differ from the current ones."""
    found = []
    for key, info in shared.opts.data_labels.items():
        name = getattr(info, "infotext", None)
        if not name or name in (skip_fields or {}) or params.get(name) is None:
            continue
        value = cast_like(info.default, params[name])
        if value != getattr(shared.opts, key, None):
            found.append((name, key, value))
    return found


def image_from_url_text(filedata):
    """What a gallery or image component sends (data URI, base64, [(image, caption)]) as a PIL image, or None."""
    from PIL import Image

    if isinstance(filedata, list):
        filedata = filedata[0] if filedata else None
    if isinstance(filedata, tuple):
        filedata = filedata[0]
    if isinstance(filedata, dict):
        return Image.open(own_temporary_file(filedata["name"]))
    if isinstance(filedata, str):
        encoded = filedata.split(",", 1)[1] if filedata.startswith("data:image/") else filedata
        return Image.open(io.BytesIO(base64.b64decode(encoded)))
    return filedata


def own_temporary_file(name):
    """The path of a file that gradio made for this page; any other, which a page could only have invented, is refused."""
    path = os.path.realpath(name)
    if not path.startswith(os.path.realpath(tempfile.gettempdir()) + os.sep):
        raise ValueError(f"{name} is not a picture of this page.")
    return path


def add_paste_fields(tabname, init_img, fields, override_settings_component=None):
    """Declare the components of a tab that a paste fills. Plain (component, key) pairs become PasteFields."""
    fields = [field if isinstance(field, PasteField) else PasteField(*field) for field in fields or []]
    paste_fields[tabname] = {"init_img": init_img, "fields": fields,
                             "override_settings_component": override_settings_component}


def register_paste_params_button(binding):
    registered_param_bindings.append(binding)


def connect_paste_params_buttons():
    """Wire every registered button. Call once, when the whole page is built."""
    for binding in registered_param_bindings:
        target = paste_fields[binding.tabname]
        if binding.source_image_component is not None and target["init_img"] is not None:
            connect_image(binding.paste_button, binding.source_image_component, target)
        if binding.source_text_component is not None:
            connect_paste(binding.paste_button, target["fields"], binding.source_text_component,
                          binding.override_settings_component or target["override_settings_component"],
                          binding.tabname)
        binding.paste_button.click(fn=None, _js=f"switch_to_{binding.tabname}")


def connect_image(button, source, target):
    """Clicking `button` puts the picture chosen in `source` into `target`, with its size where that has Size fields."""
    import gradio as gr

    sizes = [component for component, key in target["fields"] if key in ("Size-1", "Size-2")]

    def send(value):
        image = image_from_url_text(value)
        return [image, *(image.size if image is not None else [gr.update()] * 2)][:1 + len(sizes)]

    chosen = "extract_image_from_gallery" if isinstance(source, gr.Gallery) else None
    button.click(fn=send, _js=chosen, inputs=[source], outputs=[target["init_img"], *sizes], show_progress="hidden",
                 api_name=False)


def connect_paste(button, fields, input_comp, override_settings_component, tabname):
    """Clicking `button` reads infotext from `input_comp` (params.txt when it is empty) and fills `fields`."""
    from modules import script_callbacks

    def paste(text):
        text = text or last_infotext()
        params = parse_generation_parameters(text, shared.opts.data.get("infotext_skip_pasting"))
        script_callbacks.infotext_pasted_callback(text, params)
        return [_pasted_value(component, target, params) for component, target in fields]

    button.click(fn=paste, inputs=[input_comp], outputs=[component for component, _ in fields],
                 show_progress="hidden", api_name=False)


def last_infotext():
    """The infotext of the last picture, from params.txt, or ""."""
    from modules import paths

    try:
        with open(os.path.join(paths.data_path, "params.txt"), encoding="utf8") as file:
            return file.read()
    except OSError:
        return ""


def _pasted_value(component, target, params):
    """gr.update() for one field: no change when the key is absent or its value does not fit the component."""
    import gradio as gr

    value = params.get(target) if isinstance(target, str) else _called(target, params)
    if value is None:
        return gr.update()
    try:
        return value if is_update(value) else gr.update(value=cast_like(component.value, value))
    except (TypeError, ValueError):
        return gr.update()


def _called(function, params):
    try:
        return function(params)
    except Exception:
        errors.report(f"Error executing {function}", exc_info=True)
        return None


def is_update(value):
    return isinstance(value, dict) and "__type__" in value


def cast_like(current, value):
    """`value` (usually a str) in the type of a component's current value. "False" is False. Raises ValueError."""
    if current is None:
        return value
    if isinstance(current, bool):
        return value not in ("False", "false", "0", "") and bool(value)
    if isinstance(current, int):
        number = float(value)
        return int(number) if number.is_integer() else number
    return type(current)(value)
