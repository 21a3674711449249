"""The light pad: dragging sets the fields, typing moves the light, and the job uses the lights of the pad."""

import json

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.job.copied_light import copied_lights
from sd_relight.lib_relight.request.images import ImageDecoder
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.any_page, pytest.mark.same_everywhere]


def test_a_click_on_the_empty_pad_makes_a_light_there(open_pad):
    assert open_pad.find(".relight-pad-hint").text == "Click where the light should come from."
    open_pad.click_at(0.97, 0.5)
    open_pad.fields(light="right")
    assert open_pad.words() == "from the right"


def test_dragging_turns_the_light_and_snaps_to_sides_and_corners(open_pad):
    open_pad.click_at(0.05, 0.5)
    open_pad.fields(light="left")
    open_pad.drag(open_pad.handle(), 0.5, -0.05)
    open_pad.fields(light="top", light_angle=0)
    open_pad.drag(open_pad.handle(), 1, 1)
    open_pad.fields(light="bottom-right")
    open_pad.drag(open_pad.handle(), 0.8, -0.1)
    open_pad.fields(light="angle")
    open_pad.panel.until(lambda: open_pad.words() == f"from {float(open_pad.field('light_angle')):g} degrees", "the field in step")
    assert 40 < float(open_pad.field("light_angle")) < 70
    assert open_pad.panel.console_errors() == []


def test_typing_moves_the_light(open_pad):
    open_pad.panel.pick(open_pad("light"), "angle")
    open_pad.panel.fill(open_pad("light_angle"), 30)
    open_pad.panel.until(lambda: open_pad.words() == "from 30 degrees", "the turned light")
    open_pad.panel.pick(open_pad("light"), "top-left")
    open_pad.panel.until(lambda: open_pad.words() == "from the top left corner", "the corner")


def test_a_spot_has_its_place_and_its_radius(open_pad):
    open_pad.kind("spot")
    open_pad.fields(light="spot", light_x=0.5, light_y=0.5, light_radius=0.5)
    open_pad.drag(open_pad.handle(), 0.25, 0.75)
    open_pad.fields(light_x=0.25, light_y=0.75)
    open_pad.drag(open_pad.find(".relight-pad-grip"), 0.45, 0.75)
    open_pad.panel.until(lambda: abs(float(open_pad.field("light_radius")) - 0.2) <= 0.03, "a smaller radius")


def test_colour_temperature_fall_off_and_brightness_reach_the_fields(open_pad):
    open_pad.kind("left")
    open_pad.setting("kelvin", 2700)
    open_pad.fields(light="left", light_color="2700K")
    assert open_pad.find("[data-setting=color] input").get_attribute("value") == "#ffa757"
    open_pad.setting("color", "#3366ff")
    open_pad.setting("intensity", 0.4)
    open_pad.setting("gamma", -0.3)
    open_pad.fields(light_color="#3366ff", intensity=0.4, light_gamma=2)


def test_only_what_the_light_has_can_be_set(open_pad):
    seen = {"left": ["color", "kelvin", "intensity", "gamma"],
            "spot": ["color", "kelvin", "intensity", "gamma", "radius"], "ambient": ["color", "kelvin", "intensity"]}
    for kind, expected in seen.items():
        open_pad.kind(kind)
        open_pad.panel.until(lambda expected=expected: [row.get_attribute("data-setting") for row in open_pad.find_all("[data-setting]")
                                                        if row.is_displayed()] == expected, kind)


def test_fbc_has_its_own_range(open_pad):
    open_pad.kind("left")
    levels = "return relight.light.lightRange(pad.selected, pad.state.kind)"
    assert open_pad.script(levels) == [255, 0]
    open_pad.panel.pick(open_pad("model"), "fbc")
    open_pad.panel.until(lambda: open_pad.script(levels) == [224, 32], "fbc's range")


def test_several_lights_are_added_chosen_and_removed(open_pad):
    open_pad.click_at(0.02, 0.5)
    open_pad.press_action("add")
    open_pad.kind("spot")
    open_pad.setting("color", "#ff8800")
    open_pad.fields(light="left", lights='[{"light":"spot","light_color":"#ff8800"}]')
    for _ in range(10):
        if open_pad.find("[data-action=add]").is_enabled():
            open_pad.press_action("add")
    assert len(open_pad.find_all(".relight-pad-handle")) == 8
    assert not open_pad.find(".relight-pad-kinds input[value=none]").is_enabled(), "None would remove one light of eight"
    open_pad.find(".relight-pad-chip:first-child").click()
    open_pad.press_action("remove")
    open_pad.fields(light="spot", light_color="#ff8800")
    open_pad.panel.until(lambda: len(json.loads(open_pad.field("lights") or "[]")) == 6, "six further lights")


def test_further_lights_move_nothing(open_pad):
    open_pad.kind("left")
    open_pad.panel.until_painted()
    before = open_pad.find(".relight-pad-kinds").rect["y"]
    for count in range(2, 9):
        open_pad.press_action("add")
        open_pad.panel.until(lambda count=count: len(open_pad.find_all(".relight-pad-chip")) == count, "the next light")
        assert open_pad.find(".relight-pad-kinds").rect["y"] == before
    widths = open_pad.driver.execute_script("return [arguments[0].scrollWidth, arguments[0].clientWidth]", open_pad.find(".relight-pad-lights"))
    assert widths[0] <= widths[1] + 1


def test_choosing_a_kind_moves_no_button(open_pad):
    def places():
        return [label.rect for label in open_pad.find_all(".relight-pad-kinds label")]

    before = places()
    open_pad.kind("ambient")
    open_pad.fields(light="ambient")
    open_pad.panel.until_painted()
    assert places() == before


def test_undo_and_redo(open_pad):
    open_pad.click_at(0.02, 0.5)
    open_pad.drag(open_pad.handle(), 0.5, 0)
    open_pad.fields(light="top")
    open_pad.press("undo")
    open_pad.fields(light="left")
    open_pad.press("redo")
    open_pad.fields(light="top")
    open_pad.handle().click()
    open_pad.keys("z", held=Keys.CONTROL)
    open_pad.fields(light="left")
    open_pad.keys("z", held=Keys.CONTROL)
    open_pad.fields(light="none")
    open_pad.keys("y", held=Keys.CONTROL)
    open_pad.fields(light="left")


def test_a_double_click_resets_the_light(open_pad):
    open_pad.kind("left")
    open_pad.setting("color", "#00ff00")
    open_pad.fields(light_color="#00ff00")
    open_pad.panel.fill(open_pad("light_end"), 90)
    open_pad.fields(light_end=90)
    open_pad.panel.until(lambda: open_pad.script("return pad.selected.light_end") == 90, "the field on the pad")
    open_pad.drag(open_pad.handle(), 0.8, 0)
    open_pad.fields(light="angle", light_color="#00ff00", light_end=90)
    ActionChains(open_pad.driver).double_click(open_pad.handle()).perform()
    open_pad.fields(light="left", light_angle=0, light_color="#ffffff", light_end="")


def test_a_finger_drags_the_light_and_the_page_stays(open_pad):
    open_pad.kind("spot")
    open_pad.handle()
    before = open_pad.driver.execute_script("return [scrollX, scrollY]")
    open_pad.touch_drag(open_pad.handle(), 0.2, 0.9)
    open_pad.fields(light_x=0.2, light_y=0.9)
    assert open_pad.driver.execute_script("return [scrollX, scrollY]") == before


def test_a_tap_puts_the_light_there(open_pad):
    place = open_pad.at(0.5, 0.04)
    open_pad.touch("touchStart", place)
    open_pad.touch("touchEnd")
    open_pad.fields(light="top")


def test_the_keyboard_does_everything(open_pad):
    open_pad.driver.execute_script("arguments[0].focus()", open_pad.panel.find(f"{open_pad.css('background')} [tabindex='0']"))
    reach(open_pad, ".relight-pad-icon[data-action=add]")
    open_pad.keys(Keys.ENTER)
    open_pad.fields(light="left")
    reach(open_pad, ".relight-pad-handle", back=True)
    open_pad.keys(Keys.ARROW_DOWN)
    open_pad.fields(light="angle", light_angle=185)
    open_pad.keys(Keys.ARROW_UP, held=Keys.SHIFT)
    open_pad.fields(light_angle=184)
    reach(open_pad, ".relight-pad-kinds input")
    open_pad.keys(Keys.ARROW_RIGHT)
    open_pad.fields(light="top-left")
    open_pad.keys(*[Keys.ARROW_RIGHT] * 8)
    open_pad.fields(light="spot")
    reach(open_pad, ".relight-pad-handle", back=True)
    open_pad.keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, "+")
    open_pad.fields(light_x=0.55, light_y=0.55, light_radius=0.55)
    open_pad.keys(Keys.HOME)
    open_pad.fields(light_x=0.5, light_y=0.5, light_radius=0.5)
    open_pad.keys(Keys.DELETE)
    open_pad.fields(light="none")
    open_pad.panel.until(lambda: open_pad.driver.execute_script("return document.activeElement.dataset.action") == "add", "the focus")


def test_the_elevation_is_set_by_its_handle_keys_and_wheel(open_pad):
    open_pad.kind("left")
    open_pad.drag(open_pad.find(".relight-pad-tilt-grip"), 0.88, 0.15 + 0.7 / 3)
    open_pad.panel.until(lambda: abs(float(open_pad.field("light_elevation")) - 30) <= 2, "the dragged elevation")
    open_pad.drag(open_pad.find(".relight-pad-tilt-grip"), 0.88, 0.505)
    open_pad.fields(light="left", light_elevation=0)
    open_pad.driver.execute_script("arguments[0].focus()", open_pad.handle())
    open_pad.keys(Keys.PAGE_UP)
    open_pad.fields(light_elevation=5)
    assert open_pad.words() == "from the left, 5° from the front"
    open_pad.driver.execute_script("arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: 9, bubbles: true, cancelable: true, "
                                   "shiftKey: true}))", open_pad.handle())
    open_pad.fields(light_elevation=4)


def test_a_named_setup_becomes_its_lights(open_pad):
    open_pad.panel.pick(open_pad("light"), "rembrandt")
    open_pad.panel.until(lambda: open_pad.words() == "from 140 degrees, 40° from the front", "the key light")
    open_pad.driver.execute_script("arguments[0].focus()", open_pad.handle())
    open_pad.keys(Keys.PAGE_DOWN)
    open_pad.fields(light="angle", light_angle=140, light_elevation=35)
    assert json.loads(open_pad.field("lights")) == [{"light": "ambient", "intensity": 0.25}]


TURNS = [
    ("left", Keys.ARROW_UP, [175, 170]), ("left", Keys.ARROW_DOWN, [185, 190]), ("left", Keys.ARROW_RIGHT, [175]),
    ("left", Keys.ARROW_LEFT, ["left", "left"]), ("right", Keys.ARROW_LEFT, [5, 10]), ("right", Keys.ARROW_UP, [5]),
    ("right", Keys.ARROW_DOWN, [355]), ("bottom", Keys.ARROW_UP, [275, 280]), ("top", Keys.ARROW_DOWN, [85]),
    ("top", Keys.ARROW_RIGHT, [85]), (3, Keys.ARROW_RIGHT, ["right", "right"]), (268, Keys.ARROW_DOWN, ["bottom"]),
    (130, Keys.ARROW_UP, [125]), (140, Keys.ARROW_UP, ["top-left", 130])]
"""Light or its angle, key, and where each press of it takes the light."""


def test_an_arrow_turns_a_light_to_its_side(open_pad):
    for start, key, way in TURNS:
        open_pad.script("pad.setLights([arguments[0]])", {"light": start} if isinstance(start, str) else {"light": "angle", "light_angle": start})
        open_pad.driver.execute_script("arguments[0].focus()", open_pad.handle())
        for place in way:
            open_pad.keys(key)
            light = open_pad.script("return pad.selected")
            assert (light["light_angle"] if light["light"] == "angle" else light["light"]) == place, (start, key, way)


def reach(pad, css, back=False):
    """Tab, or Shift+Tab, until the element has the focus."""
    for _ in range(40):
        if pad.driver.execute_script("return document.activeElement.matches(arguments[0])", css):
            return
        pad.keys(Keys.TAB, held=Keys.SHIFT) if back else pad.keys(Keys.TAB)
    raise AssertionError(f"{css} is not reached by Tab")


def test_dragged_lights_are_generated_and_pasted_back(pad, subject):
    pad.open()
    pad.panel.upload(pad("foreground"), subject)
    pad.click_at(0.9, 0.02)
    pad.press_action("add")
    pad.kind("spot")
    pad.drag(pad.handle(2), 0.3, 0.6)
    pad.setting("color", "#ff8800")
    pad.panel.until(lambda: "#ff8800" in pad.field("lights"), "the second light in the fields")
    names = ("light", "light_angle", "lights")
    made = {name: pad.field(name) for name in names}
    pad.panel.generate()
    infotext, picture = pad.panel.infotext, pad.panel.picture()
    assert f"Relight light: {made['light']}" in infotext and "Relight lights: " in infotext and "#ff8800" in infotext

    pad.panel.open()
    pad.panel.paste(infotext)
    pad.until_enabled()
    assert [pad.field(name) for name in names[:2]] == [made[name] for name in names[:2]]
    assert json.loads(pad.field("lights")) == json.loads(made["lights"])
    pad.panel.upload(pad("foreground"), subject)
    pad.unfold()
    pad.panel.until(lambda: len(pad.find_all(".relight-pad-handle")) == 2, "both lights on the pad")
    pad.panel.generate()
    assert pad.panel.infotext == infotext
    np.testing.assert_array_equal(pad.panel.picture(), picture)
    assert pad.panel.console_errors() == []


def test_img2img_shows_its_own_picture_and_has_its_own_pad(pad, subject):
    pad.open("img2img")
    assert pad.script("return pad.pictures.image") is None
    pad.panel.upload("img2img_image", subject)
    pad.panel.until(lambda: pad.script("return !!pad.pictures.image && pad.pictures.cut"), "the picture on the pad")
    pad.kind("ambient")
    pad.fields(light="ambient")
    assert pad.panel.value("script_txt2img_relight_light") == "none"


def test_fields_of_every_kind_are_set_and_read(open_pad):
    values = {"matting": "none", "reinforce": 0.25, "keep_background": True, "light_end": "12", "unit2_weight": 0.5,
              "unit2_enabled": True}
    answer = open_pad.driver.execute_async_script(
        "const [values, done] = arguments;"
        "relight.fields.set('txt2img', values).then(() => setTimeout(() => relight.fields.get('txt2img').then(done), 300))", values)
    assert {name: answer[name] for name in values} == values
    assert open_pad.field("matting") == "none" and open_pad.field("reinforce") == "0.25"


def test_reading_the_fields_renders_nothing_anew(open_pad):
    """gradio renders the whole page for each result of an event, in a frame that it asks for, as it does to run an event. Other
    events of the page may fall into one of the readings."""
    renders = {call: [open_pad.driver.execute_async_script(RENDERS, call) for _ in range(3)] for call in ("get", "set")}
    assert min(renders["get"]) == 0 < min(renders["set"]), renders


RENDERS = r"""
const [call, done] = arguments, original = window.requestAnimationFrame;
let count = 0;
window.requestAnimationFrame = (callback) => {
    const {stack} = new Error();
    count += /\/Blocks-/.test(stack) && !/\.dispatch /.test(stack);
    return original(callback);
};
relight.fields[call]("txt2img", call === "set" ? {light_gamma: 1 + Math.random()} : undefined).then(() => setTimeout(() => {
    window.requestAnimationFrame = original;
    done(count);
}, 300));
"""


def test_nothing_moves_inside_the_accordion_when_it_opens(pad):
    """The pad's box has its size before the pad is in it. What lies below the accordion goes down, as for every accordion.
    The status line changes within the height that is kept for it."""
    pad.driver.execute_script("""
        window.shifts = [];
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
                for (const {node} of entry.sources) if (node?.closest?.(arguments[0]) && !node.closest(".relight-status")) window.shifts.push(node.outerHTML.slice(0, 200));
            }
        }).observe({type: "layout-shift"});""", f"#{pad('enabled')}")
    pad.open()
    pad.driver.execute_async_script("setTimeout(arguments[0], 600)")
    assert pad.driver.execute_script("return window.shifts") == []


def test_the_cut_out_is_the_servers_or_its_error_is_shown(pad, tmp_path):
    pad.open()
    picture = Image.new("RGB", (64, 64), (40, 90, 200))
    picture.save(tmp_path / "opaque.png")
    pad.panel.upload(pad("foreground"), tmp_path / "opaque.png")
    pad.panel.pick(pad("matting"), "alpha")
    pad.driver.execute_script("arguments[0].click()", pad.find(".relight-pad-check input"))
    pad.panel.until(lambda: "“Cut-out” is 'alpha'" in pad.find(".relight-pad-hint").text, "the server's sentence")
    pad.panel.pick(pad("matting"), "none")
    pad.panel.until(lambda: pad.script("return !!pad.made"), "the cut-out")
    assert "alpha" not in pad.find(".relight-pad-hint").text


@pytest.fixture
def screen(chromium):
    """screen(390) makes the page so wide."""
    yield lambda width: chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": width < 500})
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width, beside", [(320, False), (390, False), (1280, True), (2560, True)])
def test_the_images_are_beside_the_pad_or_above_it(open_pad, screen, width, beside):
    pad = open_pad
    screen(width)
    pad.panel.until(lambda: pad.script("return innerWidth === arguments[0] && !pad.frame", width), "the drawn pad at this width")
    pad.panel.until_painted()
    subject, stage = pad.panel.find(f"#{pad('foreground')}").rect, pad.find(".relight-pad-stage").rect
    assert (subject["x"] >= stage["x"] + stage["width"]) == beside
    assert beside or subject["y"] + subject["height"] <= stage["y"]
    inside = pad.driver.execute_script("return [arguments[0].scrollWidth, arguments[0].clientWidth, innerWidth]", pad.find(""))
    assert inside[0] <= inside[1] + 1 <= inside[2]
    assert stage["width"] >= min(240, width / 2)


def test_the_pad_is_in_the_pages_language(pad):
    pad.driver.execute_script("window.localization = {'Spot': 'Punkt', 'from the left': 'von links', 'Light {number}': 'Licht {number}'}")
    pad.open()
    pad.kind("left")
    assert pad.words() == "von links" and pad.handle().get_attribute("aria-label") == "Licht 1"
    assert pad.find(".relight-pad-kinds input[value=spot] + span").text == "Punkt"


def test_the_light_of_a_photo_is_copied_onto_the_pad(open_pad, tmp_path):
    y, x = (np.mgrid[:64, :64] - 31.5) / 28
    height = np.sqrt(np.maximum(0, 1 - x * x - y * y))
    level = np.where(height > 0, 60 + 160 * np.maximum(0, -0.7 * x - 0.3 * y + 0.6 * height), 0)
    ball = Image.fromarray(np.dstack([level, level * 0.8, level * 0.6, 255 * (height > 0)]).astype(np.uint8), "RGBA")
    ball.save(tmp_path / "ball.png")
    expected = copied_lights(ImageDecoder().decode(ball, "light_from"))
    assert [light["light"] for light in expected][::len(expected) - 1] == ["angle", "ambient"] and 140 < expected[0]["light_angle"] < 170
    open_pad.panel.find(f"#{open_pad('lights')} .relight-copy-light input").send_keys(str(tmp_path / "ball.png"))
    open_pad.fields(**expected[0])
    open_pad.panel.until(lambda: [light["light"] for light in json.loads(open_pad.field("lights"))] == [
        light["light"] for light in expected[1:]], "the further lights")
    open_pad.press("undo")
    open_pad.fields(light="none")

    (tmp_path / "text.png").write_text("no image")
    open_pad.panel.find(f"#{open_pad('lights')} .relight-copy-light input").send_keys(str(tmp_path / "text.png"))
    status = open_pad.panel.find(f"#{open_pad('lights')} .relight-copy-light [role=status]")
    open_pad.panel.until(lambda: "is no image in a supported format" in status.get_attribute("textContent"), "the sentence")
