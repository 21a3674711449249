/* Removes a mask or a normal map when the image that it belongs to is replaced: it belongs to the image that is there when it comes.
   The message line says what was removed, also behind the settings for the new image, whose answer replaces the line. */

window.relight = window.relight || {};

window.relight.masks = (() => {
    "use strict";

    const TOLD_MS = 15000;
    const pairs = {}, told = {txt2img: {lines: [], time: 0}, img2img: {lines: [], time: 0}};
    let touched = 0;  // when the user has done anything last
    const identity = (value) => (value ? value.path || value.name || value.data || value.url || value : null);

    /** Whether the mask came with another image. key: names the two fields. An image that is cleared keeps its mask until the next one.
        Forge's canvas encodes an image from the server anew: one that changes before the user has done anything is still the same. */
    function isOutdated(key, image, mask) {
        const known = pairs[key], isSame = known && known.mask === mask, isChanged = isSame && known.image && image && image !== known.image;
        if (mask && isChanged && touched > known.time) {
            delete pairs[key];
            return true;
        }
        if (!mask) delete pairs[key];
        else if (!isSame || !known.image) pairs[key] = {image, mask, time: performance.now()};
        else if (isChanged) known.image = image;
        return false;
    }

    /** For gradio, with [mask, image, image if the first is empty]: returns values for the mask, the message and further fields.
        words: key of the message's text. */
    function check(key, [mask, ...images], others, words) {
        if (!isOutdated(key, images.map(identity).find(Boolean) || null, identity(mask))) return window.relight.fields.noResult();
        return [null, removed(key.split(" ")[0], window.relight.text(words)), ...others];
    }

    /** What was removed in a tab a moment ago. */
    const recent = (tab) => (performance.now() - told[tab].time < TOLD_MS ? told[tab].lines : []);
    const messageOf = (lines) => lines.map(window.relight.fields.messageOf).join("");

    /** The message line for all that was removed with an image. */
    function removed(tab, text) {
        const lines = [...recent(tab).filter((line) => line !== text), text];
        told[tab] = {lines, time: performance.now()};
        return messageOf(lines);
    }

    /** Put what was removed in front of the line of set_up. */
    function repeat(tab, note) {
        const lines = recent(tab);
        if (!window.relight.setup.isLast(tab) || lines.every((line) => note.textContent.includes(line))) return;
        const others = [...note.querySelectorAll("p")].filter(({textContent}) => !lines.includes(textContent));
        window.relight.fields.set(tab, {message: messageOf(lines) + others.map(({outerHTML}) => outerHTML).join("")});
    }

    function attach() {
        for (const tab of Object.keys(told)) {
            const note = window.relight.fields.element(tab, "note");
            if (note) new MutationObserver(() => setTimeout(repeat, 0, tab, note)).observe(note, {childList: true, subtree: true, characterData: true});
        }
    }

    for (const type of ["pointerdown", "keydown", "input", "change", "drop", "paste"]) {
        document.addEventListener(type, ({isTrusted}) => (touched = isTrusted ? performance.now() : touched), true);
    }
    window.relight.onReady(attach);

    return {check};
})();
