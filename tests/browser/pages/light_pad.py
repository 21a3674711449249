"""Page object of the light pad: its handles by mouse, finger and keyboard, and the fields behind it."""

import time

from browser.pages.accordion import Accordion
from browser.pages.finger import Finger
from browser.pages.keyboard import Keyboard
from selenium.webdriver.common.action_chains import ActionChains

JOB = {"prompt": "a vase", "steps": 2, "width": 128, "height": 96, "seed": 7}
"""The cheapest job, by the ends of its controls' ids."""


class LightPad(Accordion):
    """The accordion of the panel's open tab with its pad. Places are shares of the image: 0, 0 is its top left corner."""

    @property
    def root(self):
        return f"#{self('pad')} .relight-pad"

    def open(self, tab="txt2img", **changes):
        """Open the accordion of a tab with the cheapest job set; the pad is drawn when this returns."""
        super().open(tab, **{**JOB, **changes})
        self.find(".relight-pad-stage")
        self.panel.until(lambda: self.script("return pad.seen && pad.values && !pad.frame"), "the drawn pad")
        self.scroll_into_view()

    def scroll_into_view(self):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.find(".relight-pad-stage"))

    def reset(self):
        """Bring an opened page without images back to what it was when `reset` was called on it first.

        Returns whether the pad and all fields are as they were.
        """
        self.driver.execute_script("document.activeElement.blur()")
        is_reset = self.driver.execute_async_script(RESET, self.panel.tab)
        self.scroll_into_view()
        return is_reset

    def find(self, css):
        self.panel.until(lambda: self.panel.find_all(f"{self.root} {css}"), f"the pad's {css}")
        return self.panel.find(f"{self.root} {css}")

    def find_all(self, css):
        return self.panel.find_all(f"{self.root} {css}")

    def script(self, text, *args):
        return self.driver.execute_script(f"const pad = relight.pads['{self.panel.tab}']; {text}", *args)

    def handle(self, number=1):
        return self.panel.until(lambda: self.find_all(".relight-pad-handle")[number - 1:number], f"light {number}")[0]

    def words(self, number=1):
        return self.handle(number).get_attribute("aria-valuetext")

    def field(self, name):
        return self.panel.value(self(name))

    def fields(self, **expected):
        """Wait until the panel's fields hold these values; numbers are compared as numbers."""
        def wrong():
            return {name: self.field(name) for name, value in expected.items() if not same(self.field(name), value)}

        deadline = time.monotonic() + self.panel.patience
        while wrong() and time.monotonic() < deadline:
            time.sleep(0.05)
        left = wrong()
        assert not left, f"wanted {expected}, found {left}; the page says {self.panel.said()}"

    def drag(self, element, u, v, steps=8):
        """Take an element with the mouse and let it go at a place of the image, wherever the line above the pad has moved it."""
        self.panel.until(lambda: self.script("return !pad.frame"), "the pad to be drawn")
        actions = ActionChains(self.driver, duration=20).move_to_element(element).click_and_hold()
        start, end = self.middle(element), self.at(u, v)
        self.move(actions, start, end, steps).perform()
        while (now := self.at(u, v)) != end:
            self.move(ActionChains(self.driver, duration=20), end, now, 1).perform()
            end = now
        ActionChains(self.driver, duration=20).release().perform()

    @staticmethod
    def move(actions, start, end, steps):
        """Add a move of the mouse from one place to another to the actions."""
        before = [round(value) for value in start]
        for i in range(1, steps + 1):
            now = [round(a + (b - a) * i / steps) for a, b in zip(start, end)]
            actions.move_by_offset(now[0] - before[0], now[1] - before[1])
            before = now
        return actions

    def click_at(self, u, v, double=False):
        frame = self.find(".relight-pad-frame")
        box = frame.rect
        chain = ActionChains(self.driver, duration=20)
        chain.move_to_element_with_offset(frame, round((u - 0.5) * box["width"]), round((v - 0.5) * box["height"]))
        (chain.double_click() if double else chain.click()).perform()

    def middle(self, element):
        return self.driver.execute_script(
            "const box = arguments[0].getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]", element)

    def at(self, u, v):
        """Client coordinates of a place of the image."""
        return self.script("const box = pad.view.frame.getBoundingClientRect();"
                           "return [box.x + arguments[0] * box.width, box.y + arguments[1] * box.height]", u, v)

    def touch_drag(self, element, u, v, steps=8):
        """A finger on an element, moved to a place of the image and lifted."""
        self.panel.until(lambda: self.script("return !pad.frame"), "the pad to be drawn")
        Finger(self.panel).drag(self.middle(element), self.at(u, v), steps)

    def touch(self, kind, place=None):
        Finger(self.panel).touch(kind, place)

    def kind(self, name):
        """Choose a kind of light, or a direction by its name."""
        self.driver.execute_script("arguments[0].click()", self.find(f".relight-pad-kinds input[value={name}]"))

    def press_action(self, action):
        """Click one of the pad's own buttons: add, remove or reset."""
        self.find(f"[data-action={action}]").click()

    def setting(self, name, value):
        self.driver.execute_script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
                                   self.find(f"[data-setting={name}] input"), value)

    def keys(self, *keys, held=None):
        """Press and release each key, with a modifier held."""
        Keyboard(self.panel).press(*keys, held=held)


RESET = """
const [tab, done] = arguments, pad = relight.pads[tab];
const sorted = (values) => JSON.stringify(Object.entries(values).sort());
const frames = (count) => new Promise((resolve) => (count ? requestAnimationFrame(() => frames(count - 1).then(resolve)) : resolve()));
async function reset() {
    const first = window.padFields;
    window.padFields ??= await relight.fields.get(tab);
    if (!first) return true;
    for (const timer of ["pending", "settling"]) pad[timer] = clearTimeout(pad[timer]) ?? null;
    await relight.fields.set(tab, first);
    await frames(4);
    const now = await relight.fields.get(tab);
    pad.state = {...pad.state, lights: [], place: null, selected: 0};
    pad.recorded = pad.snapshot;
    if (pad.view.cutOut.checked) pad.view.cutOut.click();
    pad.draw();
    await frames(2);
    return sorted(now) === sorted(first) && !pad.images.image && !pad.frame;
}
reset().then(done, (error) => done(String(error)));
"""


def same(text, value):
    if isinstance(value, str):
        return text == value
    try:
        return abs(float(text) - value) < 1e-6
    except ValueError:
        return False
