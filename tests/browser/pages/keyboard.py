"""Page object for the keyboard: Tab and Shift-Tab until something has the focus, then keys; nothing is clicked or set by script."""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

MOST_STOPS = 250


class Keyboard:
    def __init__(self, panel):
        self.panel, self.driver = panel, panel.driver

    def press(self, *keys, held=None):
        actions = ActionChains(self.driver, duration=0)
        if held:
            actions.key_down(held)
        actions.send_keys(*keys)
        if held:
            actions.key_up(held)
        actions.perform()

    def to(self, css):
        """Go to an element by Tab, or by Shift-Tab where it lies before the focus."""
        self.panel.until(lambda: self.panel.find_all(css), css)
        for _ in range(MOST_STOPS):
            where = self.driver.execute_script(WHERE, css)
            if where == "here":
                return
            self.press(Keys.TAB, held=Keys.SHIFT if where == "before" else None)
        raise AssertionError(f"{css} is not reached by Tab; the focus is at {self.name}")

    @property
    def name(self):
        return self.driver.switch_to.active_element.accessible_name

    def write(self, css, text):
        """Replace what a text or number field holds, and leave the field."""
        self.to(css)
        self.press("a", held=Keys.CONTROL)
        self.press(str(text))
        self.press(Keys.TAB)

    def choose(self, css, entry, value):
        """A dropdown: write the entry's beginning, take what is offered. value() tells what is chosen."""
        self.to(f"{css} input")
        self.press("a", held=Keys.CONTROL)
        self.press(entry)
        self.press(Keys.ENTER)
        self.panel.until(lambda: value() == entry, f"{entry} in {css}")
        self.press(Keys.TAB)

    def give_file(self, css, path, what):
        """Go to the box where files are dropped. Enter opens the system's dialog there; the path is given in its place."""
        self.to(f"{css} :is(button, [role=button]):has(> input[type=file])")
        assert what in self.name
        self.panel.upload(css.removeprefix("#"), path)

    def stops(self, last_css):
        """Accessible names and places of everything that Tab comes by until it leaves what css names."""
        while not self.driver.execute_script(OUTSIDE, last_css):
            yield self.driver.switch_to.active_element
            self.press(Keys.TAB)


WHERE = """
const now = document.activeElement, wanted = document.querySelector(arguments[0]);
if (now === wanted) return "here";
return wanted.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING ? "before" : "after";
"""
OUTSIDE = "return !document.querySelector(arguments[0]).contains(document.activeElement)"
