"""Presets in the panel, and by HTTP: save, load, rename, delete, share."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import gradio as gr
from modules import paths

from ..base.errors import RelightError
from ..request.preset_store import PresetStore
from ..request.presets import PRESET_FIELDS, item_of, usable
from ..web import endpoints
from .actions import Action, Page
from .components import Components, available_choices, drop_api_info, is_gradio_3
from .history import Restorer
from .one_click import button

ROUTE = "/relight/v1/presets"


def data_folder() -> Path:
    """Folder of the user's presets and quick prompts."""
    return Path(paths.data_path) / "relight"


def store() -> PresetStore:
    return PresetStore(data_folder() / "presets.json")


def names() -> tuple[list[str], str]:
    """Preset names, and an error message if they cannot be read."""
    try:
        return store().names(), ""
    except RelightError as error:
        return [], str(error)


def build(panel: Components) -> None:
    with gr.Accordion("Presets", open=False, elem_id=panel.elem_id("presets")):
        with gr.Row():
            known, error = names()
            chosen = gr.Dropdown(known, label="Preset", elem_id=panel.elem_id("preset"),
                                 info=error or "Every field except images; stored in this WebUI's data folder.")
            panel.components["preset"] = chosen
            name = gr.Textbox(label="Preset name", elem_id=panel.elem_id("preset_name"), info="For Save and Rename.")
        with gr.Row(elem_classes=["relight-buttons"]):
            load, save, rename, delete = [
                button(panel, f"preset_{word.lower()}", word) for word in ("Load", "Save", "Rename", "Delete")]
        add_sharing(panel, chosen)
    # gradio 3 shows choices set on focus only the next time the list opens, hence its second event
    for event in (chosen.focus, *([panel.components["enabled"].change] if is_gradio_3() else [])):
        event(fn=lambda: gr.update(choices=names()[0]), outputs=[chosen], queue=False, show_progress=False,
              api_name=False)
    panel.actions += [
        Action(load.click, load_preset, (chosen,)),
        Action(save.click, save_preset, (name, chosen), (chosen, name)),
        Action(rename.click, rename_preset, (chosen, name), (chosen, name)),
        Action(delete.click, delete_preset, (chosen,), (chosen,)),
    ]


def add_sharing(panel: Components, chosen: gr.Dropdown) -> None:
    with gr.Accordion("Share", open=False, elem_id=panel.elem_id("preset_sharing")):
        text = gr.Textbox(label="Shared presets", lines=3, elem_id=panel.elem_id("preset_text"),
                          info="JSON, as written by Share.")
        file = gr.File(label="Presets file", file_count="single", height=120, elem_id=panel.elem_id("preset_file"))
        drop_api_info(file)
        with gr.Row(elem_classes=["relight-buttons"]):
            share, take = button(panel, "preset_share", "Share"), button(panel, "preset_import", "Import")
    panel.actions += [
        Action(share.click, share_presets, (chosen,), (text, file)),
        Action(take.click, import_presets, (text, file), (chosen, text, file)),
    ]


def menu(chosen: str | None = None):
    known = store().names()
    return gr.update(choices=known, value=chosen if chosen in known else None)


def require_selection(chosen) -> str:
    if not chosen:
        raise RelightError("No preset is selected; select one in the list first.")
    return chosen


def load_preset(page: Page, chosen) -> tuple:
    """A file that is not there is set nevertheless; javascript/relight/lists.js marks it at its field."""
    values, remarks = usable(store().get(require_selection(chosen)))
    for name in PRESET_FIELDS:
        item = item_of(name)
        choices = available_choices(item)[0] if item is not None and item.name != "model" else None
        if choices and values[name] not in choices:
            missing = values.pop(name)
            if missing:
                remarks.append(f"`{name}` is {missing!r}, which this WebUI does not have; the field was not changed.")
    return values, [f"Preset {chosen!r} loaded.", *remarks]


def save_preset(page: Page, name, chosen) -> tuple:
    """Store under the given name, or overwrite the selected preset if none is given."""
    saved = store().put(name if (name or "").strip() else chosen, page_fields(page))
    return {}, f"Preset {saved!r} saved.", menu(saved), ""


def page_fields(page: Page) -> dict:
    """Field values; None from a dropdown without entries becomes an empty text."""
    return {name: "" if page.values[name] is None and item_of(name) is not None else page.values[name] for name in PRESET_FIELDS}


def rename_preset(page: Page, chosen, name) -> tuple:
    renamed = store().rename(require_selection(chosen), name)
    return {}, f"Preset {chosen!r} renamed to {renamed!r}.", menu(renamed), ""


def delete_preset(page: Page, chosen) -> tuple:
    """Undo stores it again."""
    text = store().share([require_selection(chosen)])
    store().delete(chosen)
    page.restorers.append(Restorer(partial(restore_preset, text), partial(delete_again, chosen)))
    return {}, f"Preset {chosen!r} deleted.", menu()


def delete_again(name: str) -> str:
    store().delete(name)
    return f"Preset {name!r} deleted."


def restore_preset(text: str) -> str:
    """text: of one preset, as written by `share`."""
    return f"Preset {store().accept(text)[0]!r} restored."


def share_presets(page: Page, chosen) -> tuple:
    text = store().share([chosen] if chosen else None)
    path = Path(tempfile.mkdtemp()) / "relight-presets.json"
    path.write_text(text, "utf-8")
    what = f"Preset {chosen!r}" if chosen else "All presets"
    return {}, f"{what}: copy the text, or download the file.", text, str(path)


def import_presets(page: Page, text, file) -> tuple:
    if not (text or "").strip() and file is None:
        raise RelightError("There is nothing to import; paste shared presets into the text field, or choose a file.")
    if not (text or "").strip():
        text = Path(getattr(file, "name", file)).read_bytes().decode("utf-8", errors="replace")
    added = store().accept(text)
    return {}, f"Imported: {', '.join(added)}.", menu(added[0]), "", None


def register(demo, app) -> None:
    """on_app_started: add GET, PUT and DELETE below /relight/v1/presets, guarded like the host's page and API."""
    one = ROUTE + "/{name}"
    endpoints.add_get(app, ROUTE, lambda: {"presets": store().all()})
    endpoints.add_get(app, one, lambda name: store().get(name))
    endpoints.add_post(app, one, lambda body, stop, name: {"name": store().put(name, body)}, "PUT")
    endpoints.add_get(app, one, lambda name: {"deleted": store().delete(name) or name}, "DELETE")
