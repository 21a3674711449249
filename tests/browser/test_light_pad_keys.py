"""The light pad by finger, keyboard and wheel."""

import json

import pytest
from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.any_page, pytest.mark.same_everywhere]


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
