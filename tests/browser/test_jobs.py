"""A user's jobs: the actions that each takes, and mistakes, whose sentences are in view at 1280x720 and go once they are undone."""

import pytest
from api.serving import ROOT, HostProcess, demo_models
from browser.pages.light_pad import LightPad
from browser.pages.panel import Panel
from contract.weight_files import header_only
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains

pytestmark = pytest.mark.once_per_gradio
JOB = {"steps": 2, "width": 64, "height": 64, "seed": 7}
FC = "iclight_fc.safetensors"
SDXL = {"input_blocks.0.0.weight": (8, 4, 3, 3), "label_emb.0.0.weight": (8, 16),
        "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (8, 2048)}
SELECT_CHECKPOINT = """from pathlib import Path
from modules import sd_models
own, other = sd_models.select_checkpoint, Path({path!r})
sd_models.select_checkpoint = lambda: sd_models.CheckpointInfo(other, other.name) if other.exists() else own()
"""
COUNT = """
window.userActions = 0;
addEventListener("pointerdown", (event) => { userActions += event.isTrusted; }, true);
addEventListener("change", (event) => { userActions += event.target.type === "file"; }, true);
addEventListener("input", (event) => { userActions += event.target.type === "color"; }, true);
"""
IN_VIEW = """
const line = [...document.querySelectorAll(arguments[0])].find((element) => element.innerText.includes(arguments[1]));
if (!line) return false;
const {top, bottom, left, right, height} = line.getBoundingClientRect();
return height > 0 && top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
"""


@pytest.fixture(autouse=True)
def screen(chromium):
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False})
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """An opaque image, 96x64."""
    path = tmp_path_factory.mktemp("images") / "photo.png"
    Image.new("RGB", (96, 64), (180, 90, 60)).save(path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The models folder of `own_pad`'s host."""
    folder = tmp_path_factory.mktemp("models")
    for path in demo_models().iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    """A path; `own_pad`'s host has this checkpoint selected while the file is there."""
    return tmp_path_factory.mktemp("checkpoints") / "xl.safetensors"


@pytest.fixture(scope="module")
def own_host(models, sdxl, tmp_path_factory):
    data, scripts = tmp_path_factory.mktemp("host"), tmp_path_factory.mktemp("extension") / "scripts"
    scripts.mkdir()
    (scripts / "checkpoint.py").write_text(SELECT_CHECKPOINT.format(path=str(sdxl)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELIGHT_DEMO_MODELS", str(models))
        with HostProcess(data, [ROOT, scripts.parent]) as host:
            yield host


@pytest.fixture
def own_pad(chromium, own_host, subject):
    """The pad on the page of a host of this module, with a subject and a light from the left."""
    panel = Panel(chromium, own_host.url)
    panel.open()
    pad = LightPad(panel)
    pad.open(**JOB)
    panel.upload(pad("foreground"), subject)
    panel.driver.execute_script("relight.fields.set('txt2img', {matting: 'none', light: 'left'})")
    status(panel, pad, "1 light from the left")
    return pad


def start(panel, tab, **more):
    """Set the cheapest job on a tab, then count the user's actions: presses, chosen files and chosen colours."""
    if tab != panel.tab:
        panel.select_tab(tab)
    for name, value in {**JOB, **more}.items():
        panel.fill(f"{tab}_{name}", value)
    panel.driver.execute_script(COUNT)


def actions(panel):
    return panel.driver.execute_script("return window.userActions")


def status(panel, accordion, text):
    panel.until(lambda: panel.find(accordion.css("notices")).text == text, f"the status line {text!r}")


def in_view(panel, css, sentence):
    panel.until(lambda: panel.driver.execute_script(IN_VIEW, css, sentence), f"{sentence!r} in view")


@pytest.mark.any_page
def test_a_warm_light_at_the_top_right_and_a_blue_spot(panel, pad, subject):
    start(panel, "img2img")
    panel.upload("img2img_image", subject)
    pad.unfold()
    pad.scroll_into_view()
    pad.click_at(0.97, 0.03)
    status(panel, pad, "1 light from the top right corner")
    kelvin = pad.find("[data-setting=kelvin] input")
    ActionChains(panel.driver, duration=20).move_to_element_with_offset(kelvin, round(-0.4 * kelvin.rect["width"]), 0).click().perform()
    panel.click(f"{pad.root} [data-action=add]")
    panel.click(f"{pad.root} .relight-pad-kinds label:has([value=spot])")
    pad.setting("color", "#3060ff")
    assert pad.find("[data-setting=kelvin] output").text == "custom"
    status(panel, pad, "2 lights")
    panel.generate()
    assert actions(panel) == 8
    assert "Relight light: top-right, Relight light color: " in panel.infotext, panel.infotext
    assert '\\"light_color\\": \\"#3060ff\\"' in panel.infotext, panel.infotext
    assert panel.console_errors() == []


@pytest.mark.any_page
def test_a_light_with_hires(panel, pad, subject):
    start(panel, "txt2img", prompt="a vase")
    pad.unfold()
    panel.upload(pad("foreground"), subject)
    pad.scroll_into_view()
    pad.click_at(0.03, 0.5)
    panel.click("#txt2img_hr-visible-checkbox")
    status(panel, pad, "1 light from the left")
    panel.generate()
    assert actions(panel) == 5
    assert "Relight light: left" in panel.infotext and "condition 8x8 and 16x16" in panel.infotext and "Hires upscale: 2" in panel.infotext


@pytest.mark.any_page
def test_an_own_background(panel, accordion, subject, photo):
    start(panel, "img2img")
    panel.upload("img2img_image", subject)
    accordion.unfold()
    panel.upload(accordion("background"), photo)
    status(panel, accordion, "Light from the prompt · New background")
    panel.generate()
    assert actions(panel) == 4
    assert 'Relight: "fbc, none, ' in panel.infotext and "Relight background hash: " in panel.infotext


@pytest.mark.any_page
def test_no_subject(panel, accordion, subject):
    accordion.open(prompt="a vase", **JOB)
    panel.generate()
    in_view(panel, accordion.css("enabled .relight-error"), "“Subject” is missing: txt2img needs the subject's image")
    panel.upload(accordion("foreground"), subject)
    status(panel, accordion, "Light from the prompt")
    panel.generate()
    assert 'Relight: "fc, ' in panel.infotext


def test_a_wrong_file(panel, accordion, subject, tmp_path):
    accordion.open(**JOB)
    (tmp_path / "notes.txt").write_text("a vase")
    column = accordion.css("foreground_column")
    field = panel.find(f"{column} input[type=file]")
    panel.driver.execute_script("arguments[0].parentElement.scrollIntoView({block: 'center'})", field)
    field.send_keys(str(tmp_path / "notes.txt"))
    in_view(panel, f"{column} .relight-file-error", "notes.txt is not an image; choose a PNG, JPEG or WebP file.")
    assert panel.find(accordion.css("foreground")).rect["height"] > 80, "the field keeps its size beside the sentence"
    panel.upload(accordion("foreground"), subject)
    status(panel, accordion, "Light from the prompt")
    panel.until(lambda: not panel.find(f"{column} .relight-file-error").is_displayed(), "no sentence")


@pytest.mark.any_page
def test_a_unit_without_image(panel, accordion, subject):
    accordion.open(prompt="a vase", **JOB)
    panel.upload(accordion("foreground"), subject)
    accordion.select_tab(1)
    panel.click(f"{accordion.css('unit1_enabled')} input")
    panel.generate()
    in_view(panel, accordion.css("enabled .relight-error"), "Image 1: “Image” of the “IP-Adapter” unit 'auto' is missing")
    panel.click(f"{accordion.css('unit1_enabled')} input")
    status(panel, accordion, "Light from the prompt")


def test_no_model_file(own_pad, models):
    panel, file = own_pad.panel, models / FC
    target = file.resolve()
    file.unlink()
    panel.generate()
    file.symlink_to(target)
    sentence = "No IC-Light fc model was found; put iclight_sd15_fc.safetensors"
    in_view(panel, f"{own_pad.css('enabled')} :is(.relight-error, .relight-rejection)", sentence)
    panel.until(lambda: panel.find(own_pad.css("enabled")).text.count(sentence) == 1, "the sentence once")
    panel.generate()
    assert 'Relight: "fc, left, ' in panel.infotext
    status(panel, own_pad, "1 light from the left")


def test_an_sdxl_checkpoint(own_pad, sdxl):
    panel = own_pad.panel
    header_only(sdxl, {f"model.diffusion_model.{key}": shape for key, shape in SDXL.items()})
    own_pad.kind("right")
    in_view(panel, own_pad.css("notices .relight-error"), "The checkpoint is sdxl; IC-Light needs an SD 1.5 checkpoint.")
    assert panel.find(own_pad.css("notices .relight-remedy")).text == "Choose SD 1.5 checkpoint"
    sdxl.unlink()
    own_pad.kind("left")
    status(panel, own_pad, "1 light from the left")


def clear(panel, field):
    panel.click(f"#{field} :is(button[aria-label^=Clear], button[aria-label^=Remove])")
    panel.until(lambda: not panel.find_all(f"#{field} img"), f"the empty field {field}")


def give_mask(panel, accordion, path):
    panel.pick(accordion("matting"), "mask")
    panel.until(lambda: panel.find(accordion.css("mask")).is_displayed(), "the mask's field")
    panel.upload(accordion("mask"), path)


def test_mask_and_subject_are_exchanged(panel, accordion, photo, tmp_path):
    mask = tmp_path / "mask.png"
    Image.new("L", (96, 64), 255).save(mask)
    accordion.open(prompt="a vase", **JOB)
    panel.upload(accordion("foreground"), mask)
    give_mask(panel, accordion, photo)
    clear(panel, accordion("foreground"))
    panel.upload(accordion("foreground"), photo)
    panel.until(lambda: not panel.find_all(accordion.css("mask img")), "the mask gone with its subject")
    give_mask(panel, accordion, mask)
    status(panel, accordion, "Light from the prompt")
    panel.generate()
    assert "Relight matting: mask" in panel.infotext
