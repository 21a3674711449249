"""The status line: what the job will do, or all problems with a button that mends the first; rejected jobs in sight."""

import pytest
from selenium.webdriver import ActionChains

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]
JOB = {"steps": 2, "width": 64, "height": 64, "seed": 7, "prompt": "a vase"}

MOVED_BY_NOTE = """
const [notices, note] = [...arguments].map((name) => document.getElementById(name));
const place = () => JSON.stringify(notices.querySelector(".relight-remedy").getBoundingClientRect());
scrollTo(0, 0);  // at its end a page that gets shorter moves
const line = note.querySelector("p"), text = line.textContent, before = place();
return ["", text.repeat(5)].filter((words) => { line.textContent = words; return place() !== before; }).length;
"""
"""How many of two other lengths of the note, none and a long one, move the button."""
HOLD_ONE_ANSWER = r"""
const original = window.fetch;
window.fetch = (address, options, ...rest) => {
    const answer = original(address, options, ...rest);
    if (window.release || !String(options?.body).includes('{\\"request\\":')) return answer;
    const released = new Promise((resolve) => (window.release = resolve));
    return answer.then((reply) => released.then(() => reply));
};
"""
"""The answer to the next status request, and to no other event of the page, waits for window.release()."""
LISTEN = """
const notices = document.getElementById(arguments[0]);
window.seen = [];
new MutationObserver(() => seen.push(notices.innerText.trim())).observe(notices, {childList: true, subtree: true, characterData: true});
"""
COUNT_REJECTIONS = """
window.rejections = 0;
const isOne = (node) => node instanceof Element && node.matches(".relight-toast, .relight-rejection");
const count = (records) => (window.rejections += records.flatMap(({addedNodes}) => [...addedNodes]).filter(isOne).length);
new MutationObserver(count).observe(document.body, {childList: true, subtree: true});
"""
SET = """
const [reinforce, hr_option] = arguments;
relight.fields.set("txt2img", {reinforce, hr_option}).then(() => relight.previews.refresh("txt2img"));
"""
"""Makes two problems with 0.5 and "high", none with 0 and "both"."""
TOP = "return arguments[0].getBoundingClientRect().top"
HOLD_FRAMES = """
const own = window.requestAnimationFrame, held = [], buttons = ["generate", "interrupt"].map((name) => document.getElementById(`txt2img_${name}`));
const observer = new MutationObserver(() => (window.requestAnimationFrame = (callback) => held.push(callback)));
for (const button of buttons) observer.observe(button, {attributes: true, attributeFilter: ["style"]});
window.release = () => {
    observer.disconnect();
    window.requestAnimationFrame = own;
    held.forEach((callback) => own(callback));
};
"""
"""No frame from a job's start until window.release(), as on a page that is busy or hidden."""
REDRAW = """
const notices = document.getElementById(arguments[0]), button = notices.querySelector(".relight-remedy");
const more = Object.assign(document.createElement("p"), {textContent: "A line above"});
button.replaceWith(button.cloneNode(true));
notices.before(more);
setTimeout(() => more.remove(), 3000);
"""


@pytest.mark.usefixtures("image_prompts")
def test_it_tells_what_the_job_will_do(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    accordion.until_outlook("Light from the prompt")
    panel.pick(accordion("light"), "left")
    accordion.until_outlook("1 light from the left")
    accordion.select_tab(2)
    panel.upload(accordion("unit2_image"), subject)
    accordion.until_outlook("1 light from the left · 1 image prompt (linear)")


def test_a_late_answer_does_not_stay(panel, accordion, subject):
    """The first answer is held back until a later request has been answered."""
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    accordion.until_outlook("Light from the prompt")
    accordion.until_message("Set for relighting")
    panel.driver.execute_script(HOLD_ONE_ANSWER)
    panel.pick(accordion("light"), "left")
    panel.until(lambda: panel.driver.execute_script("return !!window.release"), "the first request")
    panel.pick(accordion("light"), "right")
    accordion.until_outlook("1 light from the right")
    panel.driver.execute_script(LISTEN + "window.release();", accordion("notices"))
    panel.until(lambda: panel.driver.execute_script("return window.seen.some((text) => !text.includes('from the right'))"), "the late answer")
    accordion.until_outlook("1 light from the right")


def test_all_problems_are_named_and_the_first_is_mended(panel, accordion, subject):
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    panel.fill(accordion("reinforce"), 0.5)
    panel.pick(accordion("hr_option"), "high")
    accordion.notices([
        "“Keep subject colours (before sampling)” works on the light map, and there is none; choose a “Light”, or set “Keep subject "
        "colours (before sampling)” to 0.",
        "“Apply in” is 'high', but Hires fix is off: nothing would be relit; switch it on, or set “Apply in” to 'both'."])
    assert panel.find(accordion.css("notices .relight-remedy")).text == "Set to 0"
    accordion.until_message("Set for relighting")
    assert panel.driver.execute_script(MOVED_BY_NOTE, accordion("notices"), accordion("note")) == 0
    button = panel.find(accordion.css("notices .relight-remedy"))
    ActionChains(panel.driver).click_and_hold(button).perform()
    panel.driver.execute_script(REDRAW, accordion("notices"))
    ActionChains(panel.driver).release().perform()
    panel.until(lambda: panel.value(accordion("reinforce")) == "0", "the mended field, by a click during which the line was drawn anew")
    panel.until(lambda: len(accordion.texts("notices", "li")) == 1, "one problem left")


@pytest.mark.parametrize(("place", "moves"), [(".tab-nav", False), (".relight-status", True)])
def test_a_line_that_grows_moves_nothing_below_it_under_the_pointer(panel, accordion, subject, place, moves):
    """The user is about to press a tab, or a button of the line."""
    accordion.open(**JOB)
    panel.upload(accordion("foreground"), subject)
    accordion.until_message("Set for relighting")
    ActionChains(panel.driver).move_to_element(panel.find(f"{accordion.css('enabled')} {place}")).perform()
    tabs = panel.find(f"{accordion.css('enabled')} .tab-nav")
    tops = [panel.driver.execute_script(TOP, tabs)]
    for values, problems in (((0.5, "high"), 2), ((0, "both"), 0)):
        panel.driver.execute_script(SET, *values)
        panel.until(lambda expected=problems: len(accordion.texts("notices", "li")) == expected, f"{problems} problems")
        panel.until_painted()
        tops.append(panel.driver.execute_script(TOP, tabs))
    assert (tops[1] > tops[0] + 20) == moves, tops
    assert tops[2] == pytest.approx(tops[0], abs=1)
    assert moves or tops[1] == pytest.approx(tops[0], abs=1), tops


def test_a_rejected_job_is_in_sight(panel, accordion):
    accordion.open(**JOB)
    panel.driver.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    panel.generate()
    line = panel.until(lambda: panel.find_all(accordion.css("notices .relight-error")), "the error")[0]
    box = panel.driver.execute_script("const {top, bottom} = arguments[0].getBoundingClientRect(); return [top, innerHeight - bottom]", line)
    assert min(box) >= 0 and "“Subject” is missing" in line.text
    assert panel.infotext_so_far == ""


def test_a_rejection_is_reported_for_its_own_job(panel, accordion, subject):
    """Until a job's end gradio keeps the last job's log, and does not write one anew that equals it."""
    accordion.open(**JOB, batch_count=3)
    panel.generate()
    [toast] = panel.until(lambda: panel.find_all(".relight-toast"), "the toast")
    panel.start()
    panel.until(lambda: panel.find_all(".relight-toast") not in ([], [toast]), "the toast of the same mistake once more")
    panel.upload(accordion("foreground"), subject)
    panel.until(lambda: not panel.find_all(accordion.css("notices .relight-error")), "the mended job")
    panel.driver.execute_script(COUNT_REJECTIONS)
    panel.start()
    panel.until(lambda: panel.driver.execute_script("return window.jobStarted"), "the start of the job")
    panel.finish()
    assert panel.driver.execute_script("return window.rejections") == 0


def test_a_rejection_like_the_last_is_reported_after_a_job_within_a_frame(panel, accordion):
    """gradio then renders neither the job's start nor its log, which equals the one before if the job took as long."""
    accordion.open(**JOB)
    for _ in range(2):
        panel.generate()
        panel.click(".relight-toast button")
    panel.driver.execute_script(HOLD_FRAMES)
    panel.start()
    panel.until(lambda: panel.driver.execute_script("return window.jobStarted"), "the start of the job")
    panel.until(panel.is_idle, "the end of the job")
    panel.driver.execute_script("window.release()")
    panel.until(lambda: len(panel.find_all(".relight-toast")) == 1, "the second job's toast")


def test_a_rejected_job_has_one_toast_wherever_the_page_is(panel, accordion):
    accordion.open(**JOB)
    panel.driver.execute_script("document.querySelector(arguments[0]).style.display = 'none'", accordion.css("enabled"))
    panel.generate()
    [toast] = panel.until(lambda: panel.find_all(".relight-toast"), "the toast")
    assert toast.get_attribute("role") == "alert" and "“Subject” is missing" in toast.text
    panel.driver.execute_script("const log = document.querySelector('#html_log_txt2img :is(.error, .comments)'); log.replaceWith(log.cloneNode(true))")
    panel.click(".relight-toast button")
    panel.until_painted()
    assert not panel.find_all(".relight-toast")
    panel.generate()
    panel.until(lambda: len(panel.find_all(".relight-toast")) == 1, "the next job's toast")
