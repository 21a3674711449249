"""Every text of the panel can be read: 4.5 to 1 on what lies behind it (large text 3 to 1), in both themes. Not gradio's clock of an
action that runs, which fades in and out."""

import pytest
from browser.pages.light_pad import LightPad
from browser.pages.panel import Panel

pytestmark = pytest.mark.same_everywhere


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out(chromium, host, subject, theme):
    panel = Panel(chromium, f"{host.url}/?__theme={theme}")
    panel.open()
    pad = LightPad(panel)
    pad.open()
    panel.upload(pad("foreground"), subject)
    pad.press_action("add")
    pad.unfold_all()
    for name in ("preview_light", "preset_load", "keep_background input"):
        panel.click(pad.css(name))
    pad.select_tab(1)
    panel.click(f"{pad.css('unit1_enabled')} input")
    for part in ("notices li", "preview_shown figcaption", "note p"):
        panel.until(lambda part=part: panel.find_all(pad.css(part)), part)
    panel.until(lambda: not panel.find_all(f"{pad.css('enabled')} :is(.pending, .generating)"), "the end of what is running")
    faint, count = [], 0
    for number in (1, 0):
        pad.select_tab(number)
        texts = panel.driver.execute_async_script(AFTER_TRANSITIONS + CONTRASTS)
        count += len(texts)
        faint += [text for text in texts if text[0] < text[1]]
    assert panel.driver.execute_script("return document.body.classList.contains('dark')") == (theme == "dark")
    assert count > 250
    assert faint == []


AFTER_TRANSITIONS = """
const [done] = arguments;
const transitions = document.getAnimations().filter((animation) => animation.effect.getTiming().iterations !== Infinity);
Promise.allSettled(transitions.map((animation) => animation.finished)).then(() => done(contrasts()));
"""
"""Colours are measured once they have stopped changing."""

CONTRASTS = """
function contrasts() {
const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
const paint = color => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
};
const over = (front, back) => [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
const light = color => {
    const [r, g, b] = color.map(value => value / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
};
const ancestors = element => element ? [...ancestors(element.parentElement), element] : [];
function measure(element, text, color) {
    const style = getComputedStyle(element), path = ancestors(element);
    const back = path.reduce((below, part) => over(paint(getComputedStyle(part).backgroundColor), below), [255, 255, 255, 1]);
    const front = paint(color || style.color);
    front[3] *= path.reduce((seen, part) => seen * getComputedStyle(part).opacity, 1);
    const [a, b] = [light(over(front, back)), light(back)], size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    return [Math.max(a, b) / Math.min(a, b), needed, text.slice(0, 60), element.outerHTML.slice(0, 120)];
}
const root = document.querySelector("#script_txt2img_relight_enabled"), found = [];
const seen = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length && !element.closest(":disabled, .relight-hidden, style, .progress-text");
const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const words = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    if (words && seen(element)) found.push(measure(element, words));
}
for (const field of root.querySelectorAll("textarea, input[type=number], input[type=text], input:not([type])")) {
    if (!seen(field)) continue;
    found.push(measure(field, field.value));
    if (field.placeholder) found.push(measure(field, field.placeholder, getComputedStyle(field, "::placeholder").color));
}
return found;
}
"""
