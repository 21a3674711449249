"""Quick prompts and examples in the panel."""

from __future__ import annotations

import html

import gradio as gr
from fastapi.responses import FileResponse

from ..base.errors import RelightError
from ..web import endpoints
from . import guarded, one_click_values
from .actions import Action, Page
from .components import Components
from .light_pad import hidden_button
from .presets import data_folder
from .quick_prompt_lists import Example, examples, load

ROUTE = "/relight/v1/examples"
CHOSEN = "((tab, values, index) => values.map((value, i) => (i === index ? String(relight.example) : value)))"
LABELS = {"subject": "Subject words", "light": "Light words"}


def build(panel: Components) -> None:
    with panel.fold("Prompts and examples", "prompts"):
        add_lists(panel)
        guarded.build(panel, "examples", add_examples)


def add_lists(panel: Components) -> None:
    quick = load(data_folder() / "quick_prompts.txt")
    for section, entries in quick.lists.items():
        if entries:
            add_list(panel, section, entries)
    if quick.remarks:
        gr.HTML("".join(f"<p>{html.escape(remark)}</p>" for remark in quick.remarks), elem_id=panel.elem_id("words_remarks"),
                elem_classes=["relight-note"])


def add_list(panel: Components, section: str, entries: list) -> None:
    """A radio that is cleared after each choice. (A gr.Dataset makes gradio 4 redraw the whole page repeatedly.)"""
    radio = gr.Radio([name for name, _ in entries], label=LABELS[section], type="index",
                     elem_id=panel.elem_id(f"words_{section}"))
    radio.do_not_save_to_config = True
    panel.actions.append(Action(radio.input, lambda page, index: add_words(page, entries, index), (radio,), (radio,)))


def add_words(page: Page, entries: list, index: int | None) -> tuple:
    if index is None:
        return {}, "", gr.update()
    words = entries[index][1]
    prompt = one_click_values.add_words(page.values.get("host_prompt"), words)
    message = "" if prompt != page.values.get("host_prompt") else f"The prompt already contains: {words}."
    return {"host_prompt": prompt}, message, gr.update(value=None)


def add_examples(panel: Components) -> None:
    """Buttons with thumbnails. (A gr.Gallery writes files while the page is built, before Forge Neo has a folder for them.)"""
    listed = [example for example in examples() if example.thumbnail.is_file()]
    figures = [example_button(example, index, panel.elem_id("example")) for index, example in enumerate(listed)]
    gr.HTML(f"<div class='relight-examples'>{''.join(figures)}</div>", elem_id=panel.elem_id("examples"))
    panel.actions.append(Action(
        hidden_button(panel, "example").click, lambda page, index: load_example(page, listed[int(index)]), (panel.page_state,),
        page_state=CHOSEN, sets_images=True))


def example_button(example: Example, index: int, target: str) -> str:
    """HTML of a button that clicks the hidden gradio button `target` with the example's number."""
    return (f"<button type='button' onclick=\"relight.example = {index}; document.getElementById('{target}').click()\">"
            f"<img src='{ROUTE[1:]}/{example.thumbnail.stem}' loading='lazy' alt=''>"
            f"<span>{html.escape(example.name)}</span></button>")


def load_example(page: Page, example: Example) -> tuple:
    """Set all fields and images. In img2img the subject goes into the host's init image."""
    images = example.open()
    if page.has_init_image:
        images = {**images, "init_image": images["foreground"], "foreground": None}
    values = {name: value for name, value in example.values(page.tab).items()
              if not page.choices(name) or value in page.choices(name)}
    return values, f"Example: {example.name}. Undo restores settings and images.", *images.values()


def register(demo, app) -> None:
    """on_app_started: serve the thumbnails, which browsers load lazily."""
    endpoints.add_get(app, ROUTE + "/{name}", thumbnail)


def thumbnail(name: str) -> FileResponse:
    path = next((example.thumbnail for example in examples() if example.thumbnail.stem == name), None)
    if path is None or not path.is_file():
        raise RelightError(f"There is no example {name!r}; examples.json lists what there is.", 404)
    return FileResponse(path)
