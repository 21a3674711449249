"""A user's mistakes: their sentences are in view at 1280x720 and go once they are undone."""

import pytest
from browser.pages.light_pad import LightPad
from contract.weight_files import header_only
from PIL import Image

pytestmark = [pytest.mark.once_per_gradio, pytest.mark.usefixtures("small_screen")]
JOB = {"steps": 2, "width": 64, "height": 64, "seed": 7}
SDXL = {"input_blocks.0.0.weight": (8, 4, 3, 3), "label_emb.0.0.weight": (8, 16),
        "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (8, 2048)}
IN_VIEW = """
const line = [...document.querySelectorAll(arguments[0])].find((element) => element.innerText.includes(arguments[1]));
if (!line) return false;
const {top, bottom, left, right, height} = line.getBoundingClientRect();
return height > 0 && top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
"""


@pytest.fixture
def own_pad(staged_panel, subject):
    """The pad on the staged host's page, with a subject and a light from the left."""
    panel, pad = staged_panel, LightPad(staged_panel)
    pad.open(**JOB)
    panel.upload(pad("foreground"), subject)
    panel.driver.execute_script("relight.fields.set('txt2img', {matting: 'none', light: 'left'})")
    pad.until_outlook("1 light from the left")
    return pad


def in_view(panel, css, sentence):
    panel.until(lambda: panel.driver.execute_script(IN_VIEW, css, sentence), f"{sentence!r} in view")


@pytest.mark.any_page
def test_no_subject(panel, accordion, subject):
    accordion.open(prompt="a vase", **JOB)
    panel.generate()
    in_view(panel, accordion.css("enabled .relight-error"), "“Subject” is missing: txt2img needs the subject's image")
    panel.upload(accordion("foreground"), subject)
    accordion.until_outlook("Light from the prompt")
    panel.generate()
    assert 'Relight: "fc, ' in panel.infotext


@pytest.fixture
def choose(panel, tmp_path):
    """choose(css) gives a text file to an image field. Returns its sentence."""
    (tmp_path / "notes.txt").write_text("a vase")

    def give(css):
        field = panel.find(f"{css} input[type=file]")
        panel.driver.execute_script("arguments[0].parentElement.scrollIntoView({block: 'center'})", field)
        field.send_keys(str(tmp_path / "notes.txt"))
        in_view(panel, f"{css} .relight-file-error", "notes.txt is not an image; choose a PNG, JPEG or WebP file.")
        return panel.find(f"{css} .relight-file-error")

    return give


@pytest.mark.any_page
def test_a_wrong_file(panel, accordion, subject, choose):
    accordion.open(**JOB)
    sentence = choose(accordion.css("foreground_column"))
    assert panel.find(accordion.css("foreground")).rect["height"] > 80, "the field keeps its size beside the sentence"
    panel.upload(accordion("foreground"), subject)
    accordion.until_outlook("Light from the prompt")
    panel.until(lambda: not sentence.is_displayed(), "no sentence")


@pytest.mark.any_page
def test_a_wrong_file_in_the_field_of_img2img(panel, accordion, subject, choose):
    accordion.open("img2img", **JOB)
    sentence = choose("#img2img_image")
    panel.upload("img2img_image", subject)
    accordion.until_outlook("Light from the prompt")
    panel.until(lambda: not sentence.is_displayed(), "no sentence")


@pytest.mark.any_page
def test_a_unit_without_image(panel, accordion, subject):
    accordion.open(prompt="a vase", **JOB)
    panel.upload(accordion("foreground"), subject)
    accordion.select_tab(1)
    panel.click(f"{accordion.css('unit1_enabled')} input")
    panel.generate()
    in_view(panel, accordion.css("enabled .relight-error"), "Image 1: “Image” of the “IP-Adapter” unit 'auto' is missing")
    panel.click(f"{accordion.css('unit1_enabled')} input")
    accordion.until_outlook("Light from the prompt")


@pytest.mark.any_page
def test_no_model_file(own_pad, own_models, staged):
    panel, fc = own_pad.panel, staged.stage.fc
    (own_models / fc.name).unlink()
    panel.generate()
    sentence = "No IC-Light fc model was found; put iclight_sd15_fc.safetensors"
    in_view(panel, f"{own_pad.css('enabled')} :is(.relight-error, .relight-rejection)", sentence)
    panel.until(lambda: panel.find(own_pad.css("enabled")).text.count(sentence) == 1, "the sentence once")
    (own_models / fc.name).symlink_to(fc)
    panel.generate()
    assert 'Relight: "fc, left, ' in panel.infotext
    own_pad.until_outlook("1 light from the left")


@pytest.mark.any_page
def test_an_sdxl_checkpoint(own_pad, staged):
    panel, sdxl = own_pad.panel, staged.stage.checkpoint
    header_only(sdxl, {f"model.diffusion_model.{key}": shape for key, shape in SDXL.items()})
    own_pad.kind("right")
    in_view(panel, own_pad.css("notices .relight-error"), "The checkpoint is sdxl; IC-Light needs an SD 1.5 checkpoint.")
    assert panel.find(own_pad.css("notices .relight-remedy")).text == "Choose SD 1.5 checkpoint"
    sdxl.unlink()
    own_pad.kind("left")
    own_pad.until_outlook("1 light from the left")


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
    accordion.until_outlook("Light from the prompt")
    panel.generate()
    assert "Relight matting: mask" in panel.infotext
