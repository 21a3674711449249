"""Presets in the panel, and by HTTP: save, load, rename, delete, share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr
from modules import paths

from ..base.errors import RelightError
from ..request.presets import PRESET_FIELDS, PresetStore, item_of, usable
from ..web import endpoints
from .components import Components, leave_undescribed
from .one_click import Action, Page, button

ROUTE = "/relight/v1/presets"


def data_folder() -> Path:
    """Where Relight keeps what users make: presets, and their own list of quick prompts."""
    return Path(paths.data_path) / "relight"


def store() -> PresetStore:
    return PresetStore(data_folder() / "presets.json")


def names() -> tuple[list[str], str]:
    """What there is to choose, and why nothing can be read."""
    try:
        return store().names(), ""
    except RelightError as error:
        return [], str(error)


def build(panel: Components) -> None:
    with gr.Accordion("Presets", open=False, elem_id=panel.elem_id("presets")):
        with gr.Row():
            known, fault = names()
            chosen = gr.Dropdown(known, label="Preset", elem_id=panel.elem_id("preset"),
                                 info=fault or "Every field except pictures; kept in this WebUI's data folder.")
            name = gr.Textbox(label="Preset name", elem_id=panel.elem_id("preset_name"), info="For Save and Rename.")
        with gr.Row(elem_classes=["relight-buttons"]):
            load, save, rename, delete = [
                button(panel, f"preset_{word.lower()}", word) for word in ("Load", "Save", "Rename", "Delete")]
        with gr.Accordion("Share", open=False, elem_id=panel.elem_id("preset_sharing")):
            text = gr.Textbox(label="Shared presets", lines=3, elem_id=panel.elem_id("preset_text"),
                              info="JSON: what Share has written, or what somebody gave you.")
            with gr.Row():
                file = gr.File(label="Presets file", file_count="single", height=120, elem_id=panel.elem_id("preset_file"))
                leave_undescribed(file)
                with gr.Column():
                    share, take = button(panel, "preset_share", "Share"), button(panel, "preset_import", "Import")
    for event in (panel.components["enabled"].change, chosen.focus):  # gradio 3 shows what focus brings at the next look only
        event(fn=lambda: gr.update(choices=names()[0]), outputs=[chosen], show_progress=False, api_name=False)
    panel.actions += [
        Action(load.click, load_preset, (chosen,)),
        Action(save.click, save_preset, (name, chosen), (chosen, name)),
        Action(rename.click, rename_preset, (chosen, name), (chosen, name)),
        Action(delete.click, delete_preset, (chosen,), (chosen,)),
        Action(share.click, share_presets, (chosen,), (text, file)),
        Action(take.click, import_presets, (text, file), (chosen, text, file)),
    ]


def menu(chosen: str | None = None):
    known = store().names()
    return gr.update(choices=known, value=chosen if chosen in known else None)


def needs(chosen) -> str:
    if not chosen:
        raise RelightError("No preset is chosen; choose one in the list first.")
    return chosen


def load_preset(page: Page, chosen) -> tuple:
    values, remarks = usable(store().get(needs(chosen)))
    for name in PRESET_FIELDS:
        choices = page.choices(name)
        if choices and values[name] not in choices:
            gone = values.pop(name)
            if gone:
                remarks.append(f"`{name}` is {gone!r}, which this WebUI does not have; the field stays as it is.")
    return values, [f"Preset {chosen!r} is loaded.", *remarks]


def save_preset(page: Page, name, chosen) -> tuple:
    """Under the name written, or over the chosen preset when none is."""
    saved = store().put(name if (name or "").strip() else chosen, page_fields(page))
    return {}, f"Preset {saved!r} is saved.", menu(saved), ""


def page_fields(page: Page) -> dict:
    """A dropdown that has no entries holds None: that is the empty text."""
    return {name: "" if page.values[name] is None and item_of(name) is not None else page.values[name] for name in PRESET_FIELDS}


def rename_preset(page: Page, chosen, name) -> tuple:
    renamed = store().rename(needs(chosen), name)
    return {}, f"Preset {chosen!r} is now called {renamed!r}.", menu(renamed), ""


def delete_preset(page: Page, chosen) -> tuple:
    store().delete(needs(chosen))
    return {}, f"Preset {chosen!r} is deleted.", menu()


def share_presets(page: Page, chosen) -> tuple:
    text = store().share([chosen] if chosen else None)
    path = Path(tempfile.mkdtemp()) / "relight-presets.json"
    path.write_text(text, "utf-8")
    what = f"Preset {chosen!r}" if chosen else "All presets"
    return {}, f"{what}: copy the text, or download the file.", text, str(path)


def import_presets(page: Page, text, file) -> tuple:
    if not (text or "").strip() and file is None:
        raise RelightError("There is nothing to import; paste shared presets into the text field, or give a file.")
    if not (text or "").strip():
        text = Path(getattr(file, "name", file)).read_bytes().decode("utf-8", errors="replace")
    added = store().accept(text)
    return {}, f"Imported: {', '.join(added)}.", menu(added[0]), "", None


def register(demo, app) -> None:
    """on_app_started: GET, PUT and DELETE below /relight/v1/presets, for whoever may use the host's page or API."""
    one = ROUTE + "/{name}"
    endpoints.add_get(app, ROUTE, lambda: {"presets": store().all()})
    endpoints.add_get(app, one, lambda name: store().get(name))
    endpoints.add_post(app, one, lambda body, stop, name: {"name": store().put(name, body)}, "PUT")
    endpoints.add_get(app, one, lambda name: {"deleted": store().delete(name) or name}, "DELETE")
