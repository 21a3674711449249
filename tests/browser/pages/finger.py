"""Page object for a phone 390 px wide: taps and drags as the browser receives them from a touch screen."""

import time
from contextlib import contextmanager

WIDTH, HEIGHT = 390, 844


@contextmanager
def phone_screen(driver):
    """Pages are shown as on a phone, and touches are enabled; afterwards as before."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": True})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    yield
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


class Finger:
    def __init__(self, panel):
        self.panel, self.driver = panel, panel.driver

    def command(self, name, **parameters):
        self.driver.execute_cdp_cmd(name, parameters)

    def tap(self, css, u=0.5, v=0.5):
        """Scroll there and tap; u and v: where in the element, as shares of its box."""
        element = css if not isinstance(css, str) else self.panel.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        self.panel.until(lambda: element.is_displayed(), css)
        box = self.at_rest(element)
        place = [box[0] + u * box[2], box[1] + v * box[3]]
        self.touch("touchStart", place)
        self.touch("touchEnd")

    def write(self, css, text):
        """Tap a field and type on the screen's keyboard."""
        self.tap(css)
        field = self.driver.switch_to.active_element
        field.clear()
        field.send_keys(str(text))

    def drag(self, start, end, steps=8):
        self.touch("touchStart", start)
        for i in range(1, steps + 1):
            self.touch("touchMove", [a + (b - a) * i / steps for a, b in zip(start, end)])
        self.touch("touchEnd")

    def touch(self, kind, place=None):
        points = [] if place is None else [{"x": place[0], "y": place[1]}]
        self.command("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def at_rest(self, element):
        """Its box once it has stopped moving: a page under work puts things elsewhere between a look and a touch."""
        def still():
            before = self.box(element)
            time.sleep(0.25)
            return before if self.box(element) == before else None

        return self.panel.until(still, "an element that stays where it is")

    def box(self, element):
        return self.driver.execute_script("const box = arguments[0].getBoundingClientRect();"
                                          "return [box.x, box.y, box.width, box.height]", element)

    @property
    def scrolled(self):
        return self.driver.execute_script("return scrollY")
