"""Panel actions: what a button may read and set, and the undo history that every action shares."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gradio as gr

from ...lib_iclight.params import IMAGE_FIELDS
from ..base.errors import UserError, message_for
from ..request.presets import item_of
from .history import History, Restorer, Step
from .one_click_values import without_unchanged


@dataclass(frozen=True)
class Action:
    """One button of the panel and the function behind it.

    event: for example `button.click`.
    function: (page, *inputs) -> (values to set by field name, message, list of messages or None to keep the last,
        *values of `outputs`).
    takes_subject: passes the subject image and, in img2img, the init image before `inputs`.
    page_state: JavaScript function (tab, values, index) => values; it puts what only the page knows into the first of `inputs`.
    sets_images: returns, after `outputs`, values for the image fields of the Light tab and img2img's init image.
    """

    event: Callable
    function: Callable
    inputs: tuple = ()
    outputs: tuple = ()
    takes_subject: bool = False
    sets_images: bool = False
    page_state: str = ""


@dataclass(frozen=True)
class Page:
    """The state an action sees. values: field name -> current value; controls: field name -> component.

    restorers: an action adds how to take back what is no field.
    """

    tab: str
    values: Mapping
    controls: Mapping
    has_init_image: bool = False
    restorers: list[Restorer] = field(default_factory=list)

    def choices(self, name: str) -> list:
        """The entries of a dropdown; empty for other controls."""
        entries = getattr(self.controls.get(name), "choices", None) or []
        return [entry[-1] if isinstance(entry, (tuple, list)) else entry for entry in entries]


@dataclass(frozen=True)
class ActionOutputs:
    """The components that every action updates: the history, the last action for the page, the message line; and the hidden
    button that moves in the history."""

    history: gr.State
    step: gr.HTML
    message: gr.HTML
    move: gr.Button


def label_of(name: str) -> str:
    """Return how messages name a control: "steps" for host_steps, a field's label, "Image 1: Weight" for a unit's."""
    item, (unit, _, rest) = item_of(name), name.partition("_")
    if name.startswith("host_"):
        return rest.replace("_", " ")
    label = item.metadata["label"] if item else rest or name
    return f"Image {unit.removeprefix('unit')}: {label}" if unit.startswith("unit") else label


def is_change(value: object) -> bool:
    """Whether an output's value is more than an empty gr.update()."""
    return not isinstance(value, dict) or "value" in value


class ActionBinder:
    """Connects actions of one tab to gradio. controls: every host and panel control that actions read and set, by name."""

    def __init__(self, tab: str, controls: Mapping, images: Mapping, init_image, shared: ActionOutputs):
        self.tab, self.controls, self.images, self.init_image, self.shared = tab, controls, images, init_image, shared
        self.names = list(controls)

    def bind(self, action: Action) -> None:
        subject = (self.images["foreground"], self.init_image) if action.takes_subject else ()
        images = self.image_fields() if action.sets_images else []
        inputs = [part for part in (*subject, *action.inputs) if part is not None]
        outputs = [*action.outputs, *images]

        def handler(history, *args):
            before = args[len(args) - len(images):]
            return self.run(action, history, args[:len(args) - len(images)], before, len(outputs))

        index = 1 + len(self.controls)
        count = index + len(inputs) + len(images)
        given = f"values.slice(0, {count})"  # gradio appends the outputs' values to those of the inputs
        call = f"window.relight?.fields ? {action.page_state}('{self.tab}', {given}, {index}) : {given}"
        more = {"_js": f"(...values) => {call}"} if action.page_state else {}
        action.event(fn=handler, inputs=[self.shared.history, *self.controls.values(), *inputs, *images],
                     outputs=[*self.outputs(), *outputs], queue=False, show_progress=False, api_name=False, **more)

    def image_fields(self) -> list:
        """The image fields of the Light tab, and in img2img the init image."""
        fields = [*(self.images[name] for name in IMAGE_FIELDS), self.init_image]
        return [part for part in fields if part is not None]

    def run(self, action: Action, history: History, args: tuple, images: tuple, output_count: int) -> list:
        """images: values of the image fields before the action, if it sets them."""
        values, extra = dict(zip(self.names, args)), args[len(self.names):]
        page = Page(self.tab, values, self.controls, self.init_image is not None)
        try:
            changes, message, *rest = action.function(page, *extra)
        except Exception as error:
            if not isinstance(error, UserError):
                traceback.print_exc()
            changes, message, rest, images = {}, message_for(error), [gr.update() for _ in range(output_count)], ()
        changes = without_unchanged(changes, values)
        images = images if any(is_change(value) for value in rest[len(rest) - len(images):]) else ()
        before = {name: values[name] for name in changes}
        step = Step(before, changes, images, tuple(rest[-len(images):]) if images else (), tuple(page.restorers))
        return [*self.updates(history.push(step), changes, message, bool(images), action.function.__name__), *rest]

    def bind_history(self, page_state: gr.Textbox) -> None:
        call = f"window.relight?.undo ? relight.undo.withDirection('{self.tab}', values.slice(0, 2)) : values.slice(0, 2)"
        self.shared.move.click(
            fn=self.move, _js=f"(...values) => {call}", inputs=[page_state, self.shared.history],
            outputs=[*self.outputs(), *self.image_fields()], queue=False, show_progress=False, api_name=False)

    def move(self, direction: str, history: History) -> list:
        """Undo a step, or redo one for the direction "1"."""
        is_redo = direction == "1"
        history, step = history.move(is_redo)
        step = step or Step({}, {})
        values, images = (step.after, step.images_after) if is_redo else (step.before, step.images_before)
        names = ", ".join([*map(label_of, values), *(["images"] if images else [])])
        messages = [(f"Redone: {names}." if is_redo else f"Restored: {names}.")] if names else []
        try:
            messages += [restorer.redo() if is_redo else restorer.undo() for restorer in step.restorers]
        except UserError as error:
            messages.append(str(error))
        return [*self.updates(history, values, messages, bool(images), "move"), *self.image_updates(images)]

    def image_updates(self, images: tuple) -> list:
        """One value for each of `image_fields()`; a file that could not be read is not put back."""
        values = images or [gr.update()] * len(self.image_fields())
        return [gr.update() if isinstance(value, (bytes, str)) else value for value in values]

    def outputs(self) -> list:
        return [self.shared.history, self.shared.step, self.shared.message, *self.controls.values()]

    def updates(self, history: History, changes: Mapping, message: str | list[str] | None, sets_images: bool,
                action: str) -> list:
        """One value for each of `outputs()`."""
        messages = [message] if isinstance(message, str) else message or []
        lines = "".join(f"<p role='status'>{html.escape(text)}</p>" for text in messages if text)
        lines = gr.update() if message is None else lines
        names = [*changes, *(IMAGE_FIELDS if sets_images else ())]
        return [history, history.to_html(names, action), lines,
                *(gr.update(value=changes[name]) if name in changes else gr.update() for name in self.names)]
