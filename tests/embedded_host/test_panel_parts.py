"""A part of the panel that cannot be built leaves a sentence; everything else is there, and the host gets all its values."""

from types import SimpleNamespace

import gradio as gr
import pytest
from sd_relight.embedded_host.host import ROOT, EmbeddedHost

pytestmark = pytest.mark.once_per_gradio


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    EmbeddedHost(ROOT / "models" / "demo", device="cpu", extensions=[ROOT], data_dir=folder)
    return folder


def panel_texts():
    """(the panel, everything that its HTML blocks and helps say)."""
    from sd_relight.lib_relight.request.panel_values import PANEL_ORDER
    from sd_relight.lib_relight.ui.panel import Panel

    with gr.Blocks() as page:
        panel = Panel(lambda name: f"test_{name}", False)
    assert len(panel.values) == len(PANEL_ORDER)
    blocks = page.blocks.values()
    return panel, [str(getattr(block, "value", "")) for block in blocks if isinstance(block, gr.HTML)] + [
        str(getattr(block, "info", "")) for block in blocks]


def failing(*args):
    raise PermissionError(13, "Permission denied", "/mnt/share")


@pytest.mark.parametrize("part, name", [
    ("one_click.build", "one-click flows"), ("messages_panel.build", "notices"), ("previews.build", "previews"), ("light_pad.build", "light pad"),
    ("quick_prompts.build", "quick prompts and examples"), ("quick_prompts.add_examples", "examples"), ("presets.build", "presets"),
    ("light_pad.connect", "light pad"), ("previews.connect", "previews"), ("messages_panel.connect", "notices")])
def test_a_part_that_fails_leaves_a_sentence(data, monkeypatch, capsys, part, name):
    from sd_relight.lib_relight.ui import light_pad, messages_panel, one_click, presets, previews, quick_prompts  # noqa: F401

    module, function = part.split(".")
    monkeypatch.setattr(locals()[module], function, failing)
    panel, texts = panel_texts()
    messages = [text for text in texts if "could not be built" in text]
    assert panel.failed == {name}
    assert len(messages) == 1 and f"The part &#x27;{name}&#x27; of Relight could not be built (PermissionError" in messages[0]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("module, field", [("iclight_files", "model"), ("ip_adapter_files", "unit1_model"), ("matting", "matting")])
def test_files_that_cannot_be_listed_leave_the_default(data, monkeypatch, module, field):
    from sd_relight.lib_relight.matting import matting
    from sd_relight.lib_relight.models import iclight_files, ip_adapter_files

    modules = {"iclight_files": iclight_files, "ip_adapter_files": ip_adapter_files, "matting": matting}
    monkeypatch.setattr(modules[module], "choices", failing)
    panel, texts = panel_texts()
    assert any("The files for this list cannot be read (PermissionError" in text for text in texts)
    assert panel.components[field].value == "auto"
    assert panel.failed == set()


def test_a_presets_file_that_cannot_be_read_is_said_where_the_presets_are(data):
    file = data / "relight" / "presets.json"
    file.mkdir(parents=True)
    try:
        panel, texts = panel_texts()
        assert any(text.startswith(f"The presets in {file} cannot be read") for text in texts)
        assert panel.failed == set()
    finally:
        file.rmdir()
    file.write_text("{ broken", "utf-8")
    panel, texts = panel_texts()
    assert any("It was renamed to presets.json.broken-" in text for text in texts)


def test_quick_prompts_that_are_no_text_are_said(data):
    own = data / "relight" / "quick_prompts.txt"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(b"\xff\xfe\x00\xd8")
    panel, texts = panel_texts()
    own.unlink()
    assert any("cannot be read" in text and "The lists that ship with Relight are used." in text for text in texts)


def test_a_damaged_file_reaches_the_decoder_of_the_request(data, tmp_path):
    from sd_relight.lib_relight.request.images import ImageDecoder

    (tmp_path / "broken.png").write_bytes(b"no image")
    panel, _ = panel_texts()
    value = panel.components["foreground"].preprocess(SimpleNamespace(path=str(tmp_path / "broken.png")))
    with pytest.raises(ValueError, match="`foreground` is no image in a supported format"):
        ImageDecoder().decode(value, "foreground")


CONTROLS = [f"txt2img_{name}" for name in ("prompt", "steps", "cfg_scale", "width", "height")]


@pytest.mark.parametrize("fails", [False, True], ids=["whole", "without the row of buttons"])
@pytest.mark.parametrize("order", [
    ["panel", *CONTROLS, "txt2img_gallery", "txt2img_send_to_img2img"],
    ["txt2img_gallery", "panel", "txt2img_send_to_img2img", *CONTROLS],
    ["txt2img_send_to_img2img", *CONTROLS, "txt2img_gallery", "panel", "last"]], ids=lambda order: order[0])
def test_the_buttons_work_on_a_page_of_any_order(data, monkeypatch, order, fails):
    from sd_relight.lib_relight.ui import one_click
    from sd_relight.lib_relight.ui.panel import Panel

    monkeypatch.setattr(one_click.OneClickActions, "tabs", {})
    if fails:
        monkeypatch.setattr(one_click, "build", failing)
    actions = one_click.OneClickActions()
    with gr.Blocks() as page:
        for name in order:
            if name == "panel":
                actions.panel = Panel(lambda name: f"test_{name}", False)
            else:
                kind = gr.Gallery if name.endswith("gallery") else gr.Textbox
                actions.on_component(kind(elem_id=name), False)
    clicked = {target for entry in page.get_config_file()["dependencies"] for target, event in entry["targets"] if event == "click"}
    buttons = {block.elem_id: number for number, block in page.blocks.items() if isinstance(block, gr.Button)}
    wanted = {"history_move", "preset_load", "preset_save", "preset_delete", *(() if fails else ("size_from_subject", "recommended"))}
    assert {name for name in wanted if buttons[f"test_{name}"] not in clicked} == set()
