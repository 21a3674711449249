"""The light pad by mouse: clicking and dragging set the fields, typing moves the light; its kinds, settings, further lights and undo."""

import json

import pytest
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
