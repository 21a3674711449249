"""Image prompts in the panel: an image enables its unit, the labels tell what is active, and fields without use are hidden."""

import pytest
from browser.pages.images import draw_subject

pytestmark = pytest.mark.once_per_gradio
TABS = "return [...document.querySelectorAll(`${arguments[0]} .tab-nav > button`)].map((button) => button.innerText.trim())"
HEIGHT = "return document.querySelector(arguments[0]).getBoundingClientRect().height"
ONLY_FOR_SOME = ("mask_column", "image_mask_column", "negative_image_column", "combine", "image_weights", "unfold_batch",
                 "composition_weight", "boost", "crop_box", "noise", "noise_strength", "noise_blur", "faceid_lora", "faceid_scale",
                 "face_index")


@pytest.fixture
def unit(panel, accordion):
    """The tab Image 1 with More unfolded. unit("weight") tells whether that field is on the page."""
    accordion.open(steps=2, width=64, height=64)
    accordion.select_tab(1)
    panel.click(f"{accordion.css('unit1_rest')} .label-wrap")
    panel.until(lambda: panel.find(accordion.css("unit1_scaling")).is_displayed(), "More")
    return lambda name: panel.find(accordion.css(f"unit1_{name}")).is_displayed()


def tabs(accordion):
    return accordion.driver.execute_script(TABS, accordion.css("enabled"))


def title(panel, accordion):
    return " ".join(panel.find(f"{accordion.css('enabled')} > .label-wrap > span").text.split())


def is_enabled(panel, accordion):
    return panel.find(f"{accordion.css('unit1_enabled')} input").is_selected()


def test_an_image_enables_its_unit_and_taking_it_away_disables_it(panel, accordion, unit, subject, tmp_path):
    other = draw_subject(tmp_path / "other.png", (48, 64))
    assert tabs(accordion)[1:] == ["Image 1", "Image 2", "Image 3", "Image 4"] and title(panel, accordion) == "Relight"
    panel.pick(accordion("unit1_weight_type"), "style transfer")
    panel.upload(accordion("unit1_image"), subject)
    panel.until(lambda: tabs(accordion)[1] == "Image 1 · style ✓", "the tab's label")
    assert is_enabled(panel, accordion) and title(panel, accordion) == "Relight · 1 image prompt"
    accordion.select_tab(0)
    panel.until(lambda: tabs(accordion)[1] == "Image 1 · style ✓", "the label of a tab that is drawn anew")
    accordion.select_tab(1)
    panel.click(f"{accordion.css('unit1_enabled')} input")
    panel.until(lambda: tabs(accordion)[1] == "Image 1 · off", "the label of a disabled unit")
    assert not is_enabled(panel, accordion) and title(panel, accordion) == "Relight"
    panel.click(f"{accordion.css('unit1_image')} button[aria-label^=Clear], {accordion.css('unit1_image')} button[aria-label^=Remove]")
    panel.until(lambda: tabs(accordion)[1] == "Image 1", "the empty unit's label")
    panel.upload(accordion("unit1_image"), other)
    panel.until(lambda: is_enabled(panel, accordion), "the unit of the next image")
    panel.click(f"{accordion.css('unit1_image')} button[aria-label^=Clear], {accordion.css('unit1_image')} button[aria-label^=Remove]")
    panel.until(lambda: not is_enabled(panel, accordion), "the unit without image")
    assert panel.console_errors() == []


LATE = """
const own = relight.units.changed;
window.late = [];
relight.units.changed = async (...values) => {
    const answer = own(...values);
    if (answer[0] === true) await new Promise((resolve) => window.late.push(resolve));
    return answer;
};
"""
"""gradio gets a unit that is to be enabled once window.late[0] is called."""


def test_a_click_on_enable_wins_over_a_late_answer(panel, accordion, unit, subject):
    box = f"{accordion.css('unit1_enabled')} input"
    panel.click(box)
    panel.driver.execute_script(LATE)
    panel.upload(accordion("unit1_image"), subject)
    panel.until(lambda: panel.driver.execute_script("return window.late.length"), "the answer on its way")
    panel.click(box)
    panel.driver.execute_script("window.late[0]()")
    panel.until(lambda: tabs(accordion)[1] == "Image 1 · off", "the label of the disabled unit")
    panel.until_painted()
    assert not is_enabled(panel, accordion)


def test_the_subject_as_image_enables_the_unit(panel, accordion, unit):
    panel.click(f"{accordion.css('unit1_use_subject')} input")
    panel.until(lambda: is_enabled(panel, accordion), "the unit")
    panel.click(f"{accordion.css('unit1_use_subject')} input")
    panel.until(lambda: not is_enabled(panel, accordion), "no unit")


def test_fields_without_use_are_hidden(panel, accordion, unit, subject):
    panel.until(lambda: not any(map(unit, ONLY_FOR_SOME)), "none of them")
    panel.upload(accordion("unit1_image"), subject)
    panel.until(lambda: unit("mask_column") and unit("image_mask_column") and unit("tiled"), "the masks")
    panel.pick(accordion("unit1_weight_type"), "style and composition")
    panel.until(lambda: unit("composition_weight") and not unit("boost"), "the weight of the composition")
    panel.pick(accordion("unit1_crop"), "box")
    panel.until(lambda: unit("crop_box"), "the box")
    panel.pick(accordion("unit1_uncond"), "noise")
    panel.until(lambda: unit("noise") and unit("noise_blur"), "the noise")
    panel.pick(accordion("unit1_uncond"), "image")
    panel.until(lambda: unit("negative_image_column") and not unit("noise"), "the negative image")
    panel.click(f"{accordion.css('unit1_use_subject')} input")
    panel.until(lambda: unit("combine") and unit("image_weights") and not unit("tiled"), "fields of several images")


def test_the_tab_is_low(panel, accordion, unit, subject):
    """Measured on the accordion, which holds the messages, the tabs and the other sections as well."""
    panel.upload(accordion("unit1_image"), subject)
    panel.until(lambda: unit("mask_column"), "the masks")
    assert panel.driver.execute_script(HEIGHT, accordion.css("enabled")) <= 1500
    panel.click(f"{accordion.css('unit1_rest')} .label-wrap")
    panel.until(lambda: not unit("scaling"), "More folded")
    assert panel.driver.execute_script(HEIGHT, accordion.css("enabled")) <= 700


def test_one_press_refreshes_the_lists_and_a_missing_file_is_marked(panel, accordion, unit, subject):
    buttons = panel.find_all(f"{accordion.css('enabled')} .relight-refresh")
    assert len(buttons) == 7 and {button.get_attribute("title") for button in buttons} == {"Refresh all lists of files"}
    panel.driver.execute_script("relight.fields.set('txt2img', {unit1_model: 'not-here', model: 'fc-of-mine'})")
    note = panel.until(lambda: panel.find_all(f"{accordion.css('unit1_model')} .relight-not-found"), "the mark")[0]
    assert note.text == "not-here (not found)" and panel.value(accordion("unit1_model")) == "not-here"
    panel.until(lambda: panel.find_all(f"{accordion.css('model')} .relight-not-found"), "the Light tab's mark")
    panel.click(f"{accordion.css('unit1_model')} .relight-refresh")
    panel.until(lambda: panel.driver.execute_script("return [...document.querySelectorAll('.relight-lists-of')].every((place) => place.dataset.answer > 2)"), "both tabs' lists")
    assert panel.value(accordion("unit1_model")) == "not-here", "refreshing changes no choice"
    panel.driver.execute_script("relight.fields.set('txt2img', {unit1_model: 'ip-adapter.safetensors'})")
    panel.until(lambda: note.text == "", "a file that is there, by its full name")
