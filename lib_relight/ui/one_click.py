"""One-click buttons: size from the subject, the original demos' settings, Relight this image, Send to Relight.

The host's controls are collected while its page is built; the buttons are connected once all controls exist.
"""

from __future__ import annotations

import gradio as gr
from modules import infotext_utils
from modules.ui_components import ToolButton

from ...lib_iclight.params import IMAGE_FIELDS
from ..base.errors import RelightError
from ..request.images import ImageDecoder, is_given
from ..request.presets import PRESET_FIELDS
from . import defaults, masks, one_click_values, use_light
from .actions import Action, ActionBinder, ActionOutputs, Page
from .components import Components
from .history import History
from .light_pad import hidden_button
from .previews import read_page

CORE = {"host_prompt", "host_steps", "host_cfg", "host_width", "host_height"}
"""Controls that both tabs of every host have."""
SEND_SYMBOLS = {"txt2img": "\N{ELECTRIC LIGHT BULB}", "img2img": "\N{HIGH BRIGHTNESS SYMBOL}"}


def build(panel: Components) -> None:
    """Recommended settings; `add_outputs` comes before."""
    recommended = button(panel, "recommended", "Recommended settings")
    panel.actions.append(Action(recommended.click, recommended_settings, (panel.components["background"],)))


def add_size(panel: Components) -> None:
    size = button(panel, "size_from_subject", "Size from subject")
    panel.actions.append(Action(size.click, size_from_subject, takes_subject=True))


def add_outputs(panel: Components) -> None:
    """The history and message line of all actions. javascript/relight/undo.js adds its buttons."""
    message = gr.HTML("", elem_id=panel.elem_id("note"), elem_classes=["relight-note"])
    step = gr.HTML("", elem_id=panel.elem_id("step"), elem_classes=["relight-hidden"])
    panel.action_outputs = ActionOutputs(gr.State(History()), step, message, hidden_button(panel, "history_move"))


def add_set_up(panel: Components) -> None:
    """What javascript/relight/setup.js presses when a panel with a new subject is enabled."""
    press = hidden_button(panel, "set_up")
    panel.actions.append(Action(press.click, set_up, (panel.page_state,), page_state="relight.setup.withState"))


def set_up(page: Page, known: str) -> tuple[dict, str | None]:
    """Values for relighting, less what the user has changed; a sent image's prompt and seed. known: JSON of the page."""
    state = read_page(known)
    if not page.values.get("iclight"):
        return {}, None
    kept, size = state.get("kept") or [], state.get("size")
    kind = "fbc" if state.get("has_background") else "fc"
    wanted = one_click_values.set_up(kind, page.tab, page.values, tuple(size) if size else None)
    wanted = {name: value for name, value in wanted.items() if name not in kept and "hires" not in name}
    changes = one_click_values.without_unchanged(wanted, page.values)
    sent = sent_values(state.get("infotext") or "")
    words = one_click_values.set_up_words(changes, page.values)
    return {**changes, **sent}, f"Set for relighting: {words}." if words else None


def sent_values(infotext: str) -> dict:
    """Prompt, negative prompt and seed of an infotext."""
    pairs = infotext_utils.parse_generation_parameters(infotext) if infotext.strip() else {}
    found = {"host_prompt": pairs.get("Prompt"), "host_negative": pairs.get("Negative prompt"), "host_seed": pairs.get("Seed")}
    if str(found["host_seed"] or "").isdecimal():
        found["host_seed"] = int(found["host_seed"])
    return {name: value for name, value in found.items() if value not in (None, "")}


def button(panel: Components, name: str, text: str, **more) -> gr.Button:
    made = gr.Button(text, size="sm", elem_id=panel.elem_id(name), elem_classes=["relight-button"], **more)
    made.do_not_save_to_config = True
    return made


def size_from_subject(page: Page, *images) -> tuple[dict, str]:
    given = next((pair for pair in zip(("foreground", "the img2img image"), images) if pair[1] is not None), None)
    if given is None:
        raise RelightError("There is no subject yet; add an image to the field Subject, then press the button again.")
    image = ImageDecoder().decode(given[1], given[0])
    width, height = one_click_values.fit_size(*image.size)
    message = f"Size {width}x{height} for a subject of {image.width}x{image.height}."
    return {"host_width": width, "host_height": height}, message


def recommended_settings(page: Page, background) -> tuple[dict, list[str]]:
    """The original demo's settings: of fbc with a background, of fc without one."""
    kind = "fbc" if is_given(background) else "fc"
    changes = one_click_values.original_settings(kind, page.tab, page.values, page.choices("host_sampler"))
    messages = [f"Recommended settings of the original {kind} demo applied."]
    if "host_sampler" not in changes:
        messages.append(f"This WebUI has no sampler {one_click_values.SAMPLER}; the sampler was not changed.")
    return changes, messages


def relight_this(page: Page) -> tuple[dict, str]:
    return one_click_values.relight_settings(page.values), "The img2img image is the subject; choose a light and generate."


class OneClickActions:
    """One tab of the host's page under construction. `on_component` receives its components as they are created, in any order."""

    tabs: dict[str, OneClickActions] = {}

    def __init__(self) -> None:
        self.tab, self.panel = "", None
        self.host_controls: dict[str, object] = {}
        self.gallery = self.init_image = self.relight_button = None
        self.send_buttons: dict[str, ToolButton] = {}
        self.use_light_button: ToolButton | None = None
        self.generation_info = None
        self.in_canvas = self.is_bound = False
        self.binder: ActionBinder | None = None

    def on_component(self, component, is_img2img: bool) -> None:
        self.tab = "img2img" if is_img2img else "txt2img"
        elem_id = getattr(component, "elem_id", None)
        for name, pattern in one_click_values.HOST_IDS.items():
            if elem_id == pattern.format(tab=self.tab):
                self.host_controls[name] = component
        if elem_id == f"{self.tab}_gallery":
            self.gallery = component
        if is_img2img and self.init_image is None:
            self.find_init_image(component, elem_id)
        if self.binder is None and self.panel is not None and self.gallery is not None and CORE <= self.host_controls.keys():
            self.connect()
        if elem_id == f"{self.tab}_send_to_img2img" and self.panel is not None:
            self.add_send_buttons()
            self.use_light_button = use_light.add_button(self.tab)
        if elem_id == f"generation_info_{self.tab}":
            self.generation_info = component
        self.bind_use_light()
        self.bind_with_other_tab()

    def find_init_image(self, component, elem_id: str | None) -> None:
        """Take img2img's init image: a gr.Image, or on Forge the hidden background of the canvas with this id."""
        if elem_id == "img2img_image":
            self.in_canvas = not isinstance(component, gr.Image)
        elif not (self.in_canvas and "logical_image_background" in (getattr(component, "elem_classes", None) or [])):
            return
        if elem_id != "img2img_image" or not self.in_canvas:
            self.init_image = component
            self.relight_button = gr.Button("Relight this image", size="sm", elem_id="img2img_relight_this")
            self.relight_button.do_not_save_to_config = True
            self.bind_relight_button()

    def connect(self) -> None:
        """Called with the results gallery, or later on a page with another order: the controls of the tab exist by then."""
        defaults.keep_in_ui_config(self.panel)
        components = self.panel.components
        controls = {**self.host_controls, **{name: components[name] for name in PRESET_FIELDS}}
        images = {name: components[name] for name in IMAGE_FIELDS}
        self.binder = ActionBinder(self.tab, controls, images, self.init_image, self.panel.action_outputs)
        for action in self.panel.actions:
            self.binder.bind(action)
        self.bind_relight_button()
        self.binder.bind_history(self.panel.page_state)
        masks.connect(self.panel, self.init_image)

    def bind_relight_button(self) -> None:
        """Once the button and the panel's actions exist."""
        if self.relight_button is not None and self.binder is not None:
            self.binder.bind(Action(self.relight_button.click, relight_this))
            self.relight_button.click(fn=None, _js="() => relight.show('img2img')", api_name=False)

    def bind_use_light(self) -> None:
        """Once its button, the results' infotexts and the panel's actions exist."""
        if None not in (self.use_light_button, self.generation_info, self.binder):
            use_light.bind(self.binder, self.use_light_button, self.panel.page_state, self.generation_info)
            self.use_light_button = None

    def add_send_buttons(self) -> None:
        """Next to the host's own Send buttons."""
        made = {tab: ToolButton(symbol, elem_id=f"{self.tab}_send_to_relight_{tab}",
                                tooltip=f"Send to Relight: use this image as the subject in {tab}.")
                for tab, symbol in SEND_SYMBOLS.items()}
        for send_button in made.values():
            send_button.do_not_save_to_config = True
        self.send_buttons = made

    def bind_with_other_tab(self) -> None:
        """Bind the Send buttons once both tabs are complete."""
        if self.binder is None or not self.send_buttons or self.is_bound:
            return
        OneClickActions.tabs[self.tab] = self
        if len(OneClickActions.tabs) == len(SEND_SYMBOLS):
            for page in OneClickActions.tabs.values():
                page.is_bound = True
            bind_send_buttons(OneClickActions.tabs)
            OneClickActions.tabs = {}


def bind_send_buttons(tabs: dict[str, OneClickActions]) -> None:
    """Bind the Send buttons of both tabs to what the host's own do.

    The host's ParamBinding would queue the event, and gradio 4 can lose the answer to an event queued just after a job.
    """
    for tab, target in tabs.items():
        image = target.panel.components["foreground"] if tab == "txt2img" else target.init_image
        outputs = [image, target.host_controls["host_width"], target.host_controls["host_height"]]
        for source in tabs.values():
            send = source.send_buttons[tab]
            send.click(infotext_utils.send_image_and_dimensions, _js="extract_image_from_gallery", inputs=[source.gallery],
                       outputs=outputs, queue=False, show_progress=False, api_name=False)
            send.click(fn=None, _js=f"() => relight.showSubject('{tab}')", api_name=False)
