"""Page object of the host's page: its tabs, controls, jobs and console."""

import time

import numpy as np
from encoding import opened
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException

PATIENCE, JOB_PATIENCE = (90, 240), (90, 900)
"""Seconds on the embedded page and on a real WebUI, whose jobs take minutes on a busy CPU; a longer wait, and one for a job's end, fails."""
REOPEN = 5
"""Seconds after which a list of choices that is not there is opened again."""
SETTLED = 8
"""Seconds without a change on a real WebUI, after which its controls have their values."""
SAME_LOG = 10
"""Seconds to wait for the result of a job without images: gradio does not write a log that equals the one before."""


class Panel:
    """One tab of the page at a time. Element ids are those of every WebUI."""

    def __init__(self, driver, url, is_webui=False):
        self.driver, self.url, self.is_webui = driver, url, is_webui
        self.patience, self.job_patience = PATIENCE[is_webui], JOB_PATIENCE[is_webui]
        self.tab = "txt2img"

    def open(self, loads=3):
        """loads: how often to load the page again, should the host's canvases be dead."""
        self.driver.get_log("browser")
        self.driver.get(self.url)
        self.until(lambda: self.find_all("#txt2img_generate") and self.find_all("#txt2img_hr-visible-checkbox"))
        self.until(lambda: self.driver.execute_script("return !!window.relight?.pads"), "Relight's scripts")
        if self.is_webui:
            self.until_settled()
            if loads and self.driver.execute_script(DEAD_CANVAS):
                self.open(loads - 1)

    def until_settled(self):
        """Forge and Forge Neo give the controls their preset's values some seconds after the page is there."""
        seen, since = None, time.monotonic()
        while time.monotonic() - since < SETTLED:
            values = [self.value(f"{tab}_{name}") for tab in ("txt2img", "img2img") for name in ("steps", "width", "cfg_scale")]
            if values != seen:
                seen, since = values, time.monotonic()
            time.sleep(0.5)

    def until(self, condition, what="the page", patience=None):
        """Returns condition()'s first true value; fails after `patience` seconds with what the page says."""
        patience = patience or self.patience
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited {patience} s for {what}; the page says {self.said()}, its console {self.console_errors()}")

    def said(self):
        """The problems and messages that the page shows now."""
        return [part.text for part in self.find_all(SAID) if part.text]

    def find_all(self, css):
        return self.driver.find_elements("css selector", css)

    def find(self, css):
        return self.until(lambda: self.find_all(css), css)[0]

    def click(self, css):
        self.driver.execute_script(UNFOLD, self.find(css))
        self.until(lambda: self.hit(css), f"{css} in front of everything else")

    def hit(self, css):
        """Click an element; False while it is not there, cannot be used, is drawn anew or moves away, or something that moves past covers it."""
        try:
            if not (found := self.find_all(css)):
                return False
            element = found[0]
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            if not (element.is_displayed() and element.is_enabled()):
                return False
            self.driver.execute_script(WATCH_CLICK, element)
            element.click()
        except StaleElementReferenceException:
            return False
        except ElementClickInterceptedException:
            return self.missed()
        return self.driver.execute_script("return window.wasPressed !== false") or self.missed()

    def missed(self):
        """A press elsewhere may have opened a list, which covers what is below it: close it. Returns False."""
        self.driver.execute_script("document.activeElement?.blur()")
        return False

    def select_tab(self, name):
        next(x for x in self.find_all("#tabs > .tab-nav > button") if x.text.strip().lower() == name).click()
        self.until_tab(name)

    def until_tab(self, name):
        """Wait until a tab is shown; it is the one that is worked with from now on."""
        self.until(lambda: self.find(f"#{name}_generate").is_displayed(), f"tab {name}")
        self.tab = name

    def fill(self, elem_id, text):
        """Type into a text or number field."""
        field = self.find(f"#{elem_id} textarea, #{elem_id} input[type=number], #{elem_id} input:not([type])")
        self.driver.execute_script(SET_VALUE, field, str(text))

    def value(self, elem_id):
        return self.find(f"#{elem_id} textarea, #{elem_id} input").get_attribute("value")

    def checked(self, elem_id):
        return self.find(f"#{elem_id}").is_selected()

    def choose(self, elem_id, label):
        """One of a radio's choices."""
        self.click(f'#{elem_id} label:has(input[value="{label}"])')

    def chosen(self, elem_id):
        return next(x.get_attribute("value") for x in self.find_all(f"#{elem_id} input") if x.is_selected())

    def pick(self, elem_id, label):
        """One of a dropdown's choices. The list is opened again if it is not there, or no longer: both happened once."""
        option = f'#{elem_id} ul.options li[data-value="{label}"], #{elem_id} ul.options li[aria-label="{label}"]'
        opened = 0.0

        def is_picked():
            nonlocal opened
            if self.find_all(option):
                return self.hit(option)
            if time.monotonic() - opened > REOPEN:
                self.click(f"#{elem_id} input")
                opened = time.monotonic()
            return False

        self.until(is_picked, option)

    def until_painted(self):
        """Wait for two frames: gradio applies pending updates in the first, the browser lays them out by the second."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")

    def upload(self, elem_id, path):
        """Give a file to an image field and wait until it is shown."""
        self.find(f"#{elem_id} input[type=file]").send_keys(str(path))
        self.until(lambda: self.find_all(f"#{elem_id} img"), f"the image in {elem_id}")

    def start(self, press=None):
        """press: what presses Generate, a click by default."""
        self.driver.execute_script(WATCH_START, self.tab, *(self.find(f"#{self.tab}_{name}") for name in ("generate", "interrupt")))
        press() if press else self.click(f"#{self.tab}_generate")

    def finish(self):
        """Wait for the end of the job that `start` began and for its result: new images, or another log."""
        self.until(self.is_idle, "the end of the job", self.job_patience)
        last = time.monotonic() + SAME_LOG
        self.until(lambda: self.driver.execute_script(HAS_RESULT, self.tab) or time.monotonic() > last, "the job's result")
        self.until_painted()

    def is_idle(self):
        interrupt = self.find(f"#{self.tab}_interrupt")
        return self.find(f"#{self.tab}_generate").is_displayed() and "block" not in interrupt.get_attribute("style")

    def generate(self, press=None):
        self.driver.execute_script(f"document.querySelector('#html_log_{self.tab} .prose').innerHTML = ''")
        self.start(press)
        self.until(lambda: self.driver.execute_script("return window.jobStarted"), "the start of the job")
        self.finish()

    def images(self):
        """Addresses of the images in the gallery; preview and thumbnail are one."""
        return {image.get_attribute("src") for image in self.find_all(f"#{self.tab}_gallery img")}

    def image(self):
        """The image shown large: uint8 [height, width, 3]. Not its file nor its alpha: Forge hides the infotext there, gzipped,
        and so with the time of day."""
        self.until(lambda: self.find_all(f"#{self.tab}_gallery img"), "an image")
        address = self.driver.execute_async_script(READ_IMAGE, f"#{self.tab}_gallery img")
        return np.asarray(opened(address.partition(",")[2]).convert("RGB"))

    @property
    def infotext(self):
        """The text under the image, with its line breaks; fails with the log's text when there is none."""
        text = self.infotext_so_far
        assert text, self.log
        return text

    @property
    def infotext_so_far(self):
        """The same while a job may still run: "" when there is none."""
        shown = self.find_all(f"#html_info_{self.tab} p")
        return shown[0].get_attribute("innerText").replace("\n\n", "\n") if shown else ""

    @property
    def log(self):
        return self.find(f"#html_log_{self.tab}").text

    def paste(self, infotext):
        """Put infotext into the prompt and press the paste button."""
        self.fill(f"{self.tab}_prompt", infotext)
        self.until_painted()
        self.click(f"#tab_{self.tab} #paste")
        prompt = infotext.split("\n")[0]
        self.until(lambda: self.value(f"{self.tab}_prompt") == prompt, "the prompt without the rest of the infotext")
        self.until_painted()

    def console_errors(self):
        """What the browser's console says is wrong; on a real WebUI only what names us, since hosts have errors of their own."""
        messages = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [message for message in messages if not self.is_webui or "relight" in message.lower()]

    def screenshot(self, path):
        self.driver.save_screenshot(str(path))


WATCH_CLICK = """
const [element] = arguments, note = ({target}) => (window.wasPressed = element.contains(target));
window.wasPressed = null;
window.addEventListener("mousedown", note, {capture: true, once: true});
"""
"""The press alone: a list's entry is gone before the click, and the page holds back Generate's. A page left by it knows nothing of it."""
SAID = ".toast-body, .relight-toast, [id$=_relight_note], [id$=_relight_notices], [id^=html_log_] :is(.error, .comments)"
"""Where the page reports problems."""
DEAD_CANVAS = "return [...document.querySelectorAll('.forge-container')].some((box) => !box.style.height)"
"""On a slow machine Forge's page may make its canvases before it has loaded their script; they then take no image until a reload."""

UNFOLD = """
for (let box = arguments[0].parentElement; box; box = box.parentElement) {
    const title = box.querySelector(":scope > .label-wrap:not(.open)");
    if (title && !title.contains(arguments[0])) title.click();
}
"""
"""Opens the folded sections around an element."""

GALLERY = "const gallery = (tab) => [...document.querySelectorAll(`#${tab}_gallery img`)].map((image) => image.src).sort().join();"

WATCH_START = GALLERY + """
const [tab, generate, interrupt] = arguments;
window.galleryBefore = gallery(tab);
window.jobStarted = false;
const observer = new MutationObserver(() => {
    window.jobStarted ||= generate.style.display === "none" || interrupt.style.display === "block";
    if (window.jobStarted) observer.disconnect();
});
for (const button of [generate, interrupt]) observer.observe(button, {attributes: true, attributeFilter: ["style"]});
"""
"""While a job runs Generate is hidden (embedded) or Interrupt shown over it (WebUIs): seen by the page itself, since a job may
be over between two looks from outside."""

HAS_RESULT = GALLERY + """
const [tab] = arguments, now = gallery(tab);
return !!document.querySelector(`#html_log_${tab} .performance, #html_log_${tab} .error`) || (now !== "" && now !== window.galleryBefore);
"""

READ_IMAGE = """
const [css, done] = arguments;
fetch(document.querySelector(css).src).then(answer => answer.blob()).then(createImageBitmap).then(bitmap => {
    const canvas = Object.assign(document.createElement("canvas"), {width: bitmap.width, height: bitmap.height});
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    done(canvas.toDataURL());
});
"""

SET_VALUE = """
const prototype = arguments[0].tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
Object.getOwnPropertyDescriptor(prototype, "value").set.call(arguments[0], arguments[1]);
arguments[0].dispatchEvent(new Event("input", {bubbles: true}));
arguments[0].dispatchEvent(new Event("change", {bubbles: true}));
arguments[0].dispatchEvent(new Event("blur"));
"""
