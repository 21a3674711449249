"""Page object of Relight's accordion on the panel's open tab: ids of its parts, opening it, messages and previews."""

MARK_OLD = "for (const part of document.querySelectorAll(`#${arguments[0]} :is(figcaption, p)`)) part.dataset.old = 1"
NEW_TEXTS = """return [...document.querySelectorAll(`#${arguments[0]} :is(${arguments[1]})`)]
    .filter((part) => !part.dataset.old).map((part) => part.innerText)"""


class Accordion:
    """accordion("light") is the element id of a part, accordion.css("light") its selector."""

    def __init__(self, panel):
        self.panel, self.driver = panel, panel.driver

    def __call__(self, name):
        return f"script_{self.panel.tab}_relight_{name}"

    def css(self, name):
        return f"#{self(name)}"

    def open(self, tab="txt2img", **controls):
        """Show a tab, set its controls by the ends of their ids, and unfold the accordion, which enables it."""
        if tab != self.panel.tab:
            self.panel.select_tab(tab)
        for name, value in controls.items():
            self.panel.fill(f"{tab}_{name}", value)
        self.unfold()

    def unfold(self):
        """Does nothing if it is unfolded; hosts differ in whether pasting unfolds it."""
        if not self.is_unfolded:
            self.panel.click(f"{self.css('enabled')} > .label-wrap")
        self.until_open()

    def until_open(self):
        self.panel.until(lambda: self.is_unfolded and self.is_enabled, "the open accordion")
        self.panel.until(lambda: any(part.is_displayed() for part in self.panel.find_all(f"{self.css('enabled')} .tabs")), "its tabs")

    @property
    def is_unfolded(self):
        return bool(self.panel.find_all(f"{self.css('enabled')} > .label-wrap.open"))

    @property
    def is_enabled(self):
        return self.panel.checked(f"{self('enabled')}-visible-checkbox")

    def until_enabled(self, expected=True):
        self.panel.until(lambda: self.is_enabled == expected, "the accordion's checkbox")

    @property
    def message(self):
        """The line below the one-click buttons."""
        return self.panel.find(self.css("note")).text

    def until_message(self, part):
        self.panel.until(lambda: part in self.message, f"the message {part!r}")

    def until_outlook(self, expected):
        """Wait until the status line says this; before, a change of its height moves what is below."""
        self.until_equal(lambda: self.panel.find(self.css("notices")).text, expected)

    def notices(self, expected):
        """Wait for exactly these errors and warnings above the tabs."""
        self.until_equal(lambda: self.texts("notices", "li > span"), expected)

    def until_equal(self, read, expected):
        """Wait until read() returns this; a failure shows what it returned last."""
        try:
            self.panel.until(lambda: read() == expected)
        except AssertionError:
            assert read() == expected

    def press(self, name):
        self.driver.execute_script("document.activeElement.blur()")
        self.panel.click(self.css(name))

    def preview(self, name, where="preview_shown"):
        """Press a preview's button. Returns the captions of its images, or its message."""
        self.driver.execute_script(MARK_OLD, self(where))
        self.press(name)
        return self.panel.until(lambda: self.texts(where, "figcaption, p"), f"{name}'s answer")

    def texts(self, name, css):
        """Texts below a part, less those marked old by `preview`."""
        return self.driver.execute_script(NEW_TEXTS, self(name), css)

    def unfold_all(self):
        """Unfold every accordion inside, and wait until each of them is."""
        self.driver.execute_script(UNFOLD_ALL, self.css("enabled"))
        self.panel.until(lambda: not self.panel.find_all(f"{self.css('enabled')} .label-wrap:not(.open)"), "all accordions")

    def select_tab(self, number):
        """Show a tab, 0 for Light, and wait until it is laid out."""
        self.panel.find_all(f"{self.css('enabled')} .tab-nav button")[number].click()
        self.until_tab(number)

    def until_tab(self, number):
        part = "pad" if number == 0 else f"unit{number}_weight"
        self.panel.until(lambda: self.panel.find(self.css(part)).is_displayed(), f"tab {number}")
        self.panel.until_painted()


UNFOLD_ALL = "for (const title of document.querySelectorAll(`${arguments[0]} .label-wrap:not(.open)`)) title.click()"
