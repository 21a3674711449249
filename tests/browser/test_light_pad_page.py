"""The light pad in the page: its lights in jobs and infotexts, its images and fields, its place and language."""

import json
import time

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.job.copied_light import copied_lights
from sd_relight.lib_relight.request.images import ImageDecoder

pytestmark = [pytest.mark.any_page, pytest.mark.same_everywhere]


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
    infotext, image = pad.panel.infotext, pad.panel.image()
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
    np.testing.assert_array_equal(pad.panel.image(), image)
    assert pad.panel.console_errors() == []


def test_img2img_shows_its_own_image_and_has_its_own_pad(pad, subject):
    pad.open("img2img")
    assert pad.script("return pad.images.image") is None
    pad.panel.upload("img2img_image", subject)
    pad.panel.until(lambda: pad.script("return !!pad.images.image && pad.images.cut"), "the image on the pad")
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
    image = Image.new("RGB", (64, 64), (40, 90, 200))
    image.save(tmp_path / "opaque.png")
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


LAYOUT = """
const [root, subject] = arguments, box = (element) => element.getBoundingClientRect().toJSON(), kinds = root.querySelector(".relight-pad-kinds");
return [innerWidth, box(subject), box(root.querySelector(".relight-pad-stage")), [root.scrollWidth, root.clientWidth], [kinds.scrollWidth, kinds.clientWidth]];
"""


@pytest.mark.parametrize("width, beside", [(320, False), (360, False), (390, False), (1280, True), (2560, True)])
def test_the_images_are_beside_the_pad_or_above_it(open_pad, screen, width, beside):
    pad, seen = open_pad, []

    def is_still():
        """Whether the page has its layout for this width: a busy one has others for some tenths of a second."""
        seen.append(pad.driver.execute_script(LAYOUT, pad.find(""), pad.panel.find(f"#{pad('foreground')}")))
        time.sleep(0.5)
        return seen[-2:-1] == seen[-1:] and pad.script("return !pad.frame")

    screen(width)
    pad.panel.until(is_still, "the layout at this width")
    page, subject, stage, inside, kinds = seen[-1]
    assert page == width
    assert (subject["x"] >= stage["right"]) == beside
    assert beside or subject["bottom"] <= stage["y"]
    assert inside[0] <= inside[1] + 1 <= page
    assert kinds[0] <= kinds[1], "a kind of light is cut off"
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
