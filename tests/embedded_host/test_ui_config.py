"""Defaults that users keep in ui-config.json, by the hosts' rules for its keys: source, tab and label, and the field."""

import json

import gradio as gr
import pytest
from sd_relight.embedded_host.host import ROOT, EmbeddedHost

pytestmark = pytest.mark.once_per_gradio
DEMO = ROOT / "models" / "demo"
KEPT_TYPES = (gr.Slider, gr.Radio, gr.Checkbox, gr.Textbox, gr.Number, gr.Dropdown, gr.Button)


class Config:
    """A stand-in for the hosts' class: what each tracked component's saved value is, and where two share a key."""

    def __init__(self, saved):
        self.saved, self.seen, self.doubles = dict(saved), {}, []

    def add(self, block, path):
        if hasattr(block, "children"):
            for child in block.children:
                self.add(child, path)
        elif getattr(block, "label", None) is not None and type(block) in KEPT_TYPES:
            self.track(block, f"{path}/{block.label}/value")

    def track(self, component, key):
        if getattr(component, "do_not_save_to_config", False):
            return
        if getattr(component, "custom_script_source", None) is not None:
            key = f"customscript/{component.custom_script_source}/{key}"
        if key in self.seen:
            self.doubles.append(key)
        self.seen[key] = component
        if key not in self.saved:
            self.saved[key] = component.value
        elif not isinstance(component, gr.Dropdown) or self.saved[key] in self.choices(component):
            component.value = self.saved[key]
            if isinstance(component, gr.Dropdown) and hasattr(component, "init_field"):
                component.init_field(self.saved[key])

    @staticmethod
    def choices(component):
        return [choice[-1] if isinstance(choice, tuple) else choice for choice in component.choices]


@pytest.fixture(scope="module")
def page_with(tmp_path_factory):
    """page_with({key: value}) -> (Config, {elem_id: component}) of a freshly built page."""
    host = EmbeddedHost(DEMO, device="cpu", extensions=[ROOT], data_dir=tmp_path_factory.mktemp("data"))

    def build(saved):
        page = host.build_ui()
        config = Config(saved)
        tabs = [block for block in page.blocks.values() if isinstance(block, gr.TabItem)
                and block.elem_id in ("tab_txt2img", "tab_img2img")]
        for tab in tabs:
            config.add(tab, tab.elem_id.removeprefix("tab_"))
        return config, {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}

    return build


def ours(config):
    return {key: component for key, component in config.seen.items() if "relight.py" in key}


def test_every_field_has_a_key_of_its_own_and_images_json_and_buttons_have_none(page_with):
    config, parts = page_with({})
    assert not [key for key in config.doubles if "script" in key]
    keys = ours(config)
    assert {"customscript/relight.py/txt2img/Light/value", "customscript/relight.py/img2img/Light/value",
            "customscript/relight.py/picture 1/txt2img/Weight/value",
            "customscript/relight.py/picture 4/img2img/Weight/value"} <= set(keys)
    assert json.loads(json.dumps({key: config.saved[key] for key in keys}))
    assert {type(component) for component in keys.values()} <= {gr.Slider, gr.Checkbox, gr.Textbox, gr.Dropdown}
    outside = [key for key, component in config.seen.items()
               if "_relight_" in (component.elem_id or "") and key not in keys]
    assert outside == []
    for name in ("lights", "extras", "preset_name", "preset"):
        assert parts[f"script_txt2img_relight_{name}"] not in keys.values()


def test_a_users_defaults_are_there_and_show_what_belongs_to_them(page_with):
    config, parts = page_with({"customscript/relight.py/txt2img/Light/value": "spot",
                               "customscript/relight.py/txt2img/Keep subject colours (before sampling)/value": 0.3,
                               "customscript/relight.py/picture 2/txt2img/Weight/value": 0.7})
    assert (parts["script_txt2img_relight_light"].value, parts["script_img2img_relight_light"].value) == ("spot", "none")
    assert parts["script_txt2img_relight_reinforce"].value == 0.3
    assert [parts[f"script_txt2img_relight_unit{n}_weight"].value for n in (1, 2, 3)] == [1.0, 0.7, 1.0]
    visible = {name for name, part in parts.items() if part.visible is True}  # "hidden" with gradio 6
    assert "script_txt2img_relight_light_x" in visible and "script_txt2img_relight_light_angle" not in visible
    assert "script_img2img_relight_light_x" not in visible


def test_a_file_that_is_gone_leaves_the_default(page_with):
    config, parts = page_with({"customscript/relight.py/txt2img/Model/value": "deleted-weights",
                               "customscript/relight.py/picture 1/txt2img/IP-Adapter file/value": "gone",
                               "customscript/relight.py/txt2img/Cut-out/value": "no-such-model"})
    assert parts["script_txt2img_relight_model"].value == "auto"
    assert parts["script_txt2img_relight_matting"].value == "auto"
    assert parts["script_txt2img_relight_unit1_model"].value != "gone"
