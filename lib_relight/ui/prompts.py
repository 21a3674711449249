"""Quick prompts and examples in the panel."""

from __future__ import annotations

import base64
import html

import gradio as gr

from .. import flows
from ..quick_prompts import Example, examples, load
from .components import Components
from .flows import Action, Page
from .pad import hidden_button
from .presets import data_folder

LABELS = {"subject": "Subject words", "light": "Light words"}
MOST_AT_ONCE = 60


def build(panel: Components) -> None:
    with gr.Accordion("Quick prompts and examples", open=False, elem_id=panel.elem_id("prompts")):
        add_lists(panel)
        add_examples(panel)


def add_lists(panel: Components) -> None:
    quick = load(data_folder() / "quick_prompts.txt")
    for section, entries in quick.lists.items():
        if entries:
            add_list(panel, section, entries)
    if quick.remarks:
        gr.HTML("".join(f"<p>{html.escape(remark)}</p>" for remark in quick.remarks), elem_id=panel.elem_id("words_remarks"),
                elem_classes=["relight-note"])


def add_list(panel: Components, section: str, entries: list) -> None:
    shown = gr.Dataset(components=["textbox"], samples=[[name] for name, _ in entries], type="index", label=LABELS[section],
                       samples_per_page=MOST_AT_ONCE, elem_id=panel.elem_id(f"words_{section}"))
    panel.actions.append(Action(shown.click, lambda page, index: add_words(page, entries[index][1]), (shown,)))


def add_words(page: Page, words: str) -> tuple[dict, str]:
    prompt = flows.add_words(page.values.get("host_prompt"), words)
    told = "" if prompt != page.values.get("host_prompt") else f"The prompt has these words already: {words}."
    return {"host_prompt": prompt}, told


def add_examples(panel: Components) -> None:
    """Buttons around thumbnails. A gr.Gallery would write files while the page is built, for which Neo has no folder then."""
    listed = [example for example in examples() if example.thumbnail.is_file()]
    figures = [example_button(example, panel.elem_id(f"example_{index}")) for index, example in enumerate(listed)]
    gr.HTML(f"<div class='relight-examples'>{''.join(figures)}</div>", elem_id=panel.elem_id("examples"))
    for index, example in enumerate(listed):
        button = hidden_button(panel, f"example_{index}")
        panel.actions.append(Action(button.click, lambda page, example=example: load_example(page, example), sets_pictures=True))


def example_button(example: Example, target: str) -> str:
    """A press of it presses the hidden button called `target`, which gradio knows of."""
    picture = base64.b64encode(example.thumbnail.read_bytes()).decode()
    return (f"<button type='button' onclick=\"document.getElementById('{target}').click()\">"
            f"<img src='data:image/jpeg;base64,{picture}' alt=''><span>{html.escape(example.name)}</span></button>")


def load_example(page: Page, example: Example) -> tuple:
    """Everything at once. In img2img the subject goes where that tab has it: into the host's own picture."""
    pictures = example.open()
    if page.has_init_image:
        pictures = {**pictures, "init_image": pictures["foreground"], "foreground": None}
    values = {name: value for name, value in example.values(page.tab).items()
              if not page.choices(name) or value in page.choices(name)}
    return values, f"Example: {example.name}. Undo puts the settings back, not the pictures.", *pictures.values()
