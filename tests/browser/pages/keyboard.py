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

    def names(self, elements):
        """The accessible names of elements, from one look at the browser's tree, which it builds anew for each question."""
        self.driver.execute_script("arguments[0].forEach((element, number) => element.dataset.number = number)", elements)
        document = self.driver.execute_cdp_cmd("DOM.getDocument", {"depth": -1})["root"]
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        self.driver.execute_script("for (const element of arguments[0]) delete element.dataset.number", elements)
        found = {node.get("backendDOMNodeId"): node.get("name", {}).get("value", "") for node in tree}
        names = {number: found.get(place, "") for number, place in numbered(document)}
        assert len(names) == len(elements)
        return [names[number] for number in range(len(elements))]

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
        self.panel.until(lambda: what in self.name, f"{what} as the name, which follows the drawn field")
        self.panel.upload(css.removeprefix("#"), path)

    def stops(self, last_css):
        """Everything that Tab comes by until it leaves what css names."""
        while stop := self.driver.execute_script(INSIDE, last_css):
            yield stop
            self.press(Keys.TAB)


def numbered(node):
    """(number, backend id) of each node of a DevTools document with data-number."""
    attributes = node.get("attributes", [])
    given = dict(zip(attributes[::2], attributes[1::2], strict=True))
    if "data-number" in given:
        yield int(given["data-number"]), node["backendNodeId"]
    for child in node.get("children", []):
        yield from numbered(child)


WHERE = """
const now = document.activeElement, wanted = document.querySelector(arguments[0]);
if (now === wanted) return "here";
return wanted.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING ? "before" : "after";
"""
INSIDE = "const now = document.activeElement; return document.querySelector(arguments[0]).contains(now) ? now : null"
