"""What the page loads before the panel is opened, and what it leaves for later."""

import pytest

pytestmark = pytest.mark.same_everywhere
MODULES = """
const entries = performance.getEntriesByType("resource"), script = (part) => entries.filter(({name}) => name.includes(part));
const [main] = script("/javascript/relight_main.js");
return script("/javascript/relight/").map(({name, startTime}) => [name.split("/").pop(), startTime >= main.responseEnd]);
"""
FRAMES = "return document.querySelectorAll('[id$=_relight_enabled] iframe').length"


def test_the_modules_are_loaded_after_the_main_script_without_an_error(panel):
    modules = panel.until(lambda: panel.driver.execute_script(MODULES), "the modules")
    assert len(modules) > 8 and all(is_later for _, is_later in modules), modules
    assert all(name.partition("?")[2].isdecimal() for name, _ in modules), "an address that does not change with the file"
    assert panel.console_errors() == []


def test_image_fields_take_files_once_the_panel_is_open_and_cost_nothing_before(panel, accordion):
    assert panel.driver.execute_script(FRAMES) == 0
    accordion.open()
    panel.until(lambda: panel.find_all(f"{accordion.css('foreground')} input[type=file]"), "a field that takes files")
    assert panel.console_errors() == []
