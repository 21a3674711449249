/* Removes a mask or a normal map when the image that it belongs to is replaced: it belongs to the image that is there when it comes. */

window.relight = window.relight || {};

window.relight.masks = (() => {
    "use strict";

    const UNCHANGED = {__type__: "update"};
    const pairs = {};
    const identity = (value) => (value ? value.path || value.name || value.data || value.url || value : null);

    /** Whether the mask came with another image. key: names the two fields. An image that is cleared keeps its mask until the next one. */
    function isOutdated(key, image, mask) {
        const known = pairs[key], isSame = known && known.mask === mask;
        if (mask && isSame && known.image && image && image !== known.image) {
            delete pairs[key];
            return true;
        }
        if (!mask) delete pairs[key];
        else if (!isSame || !known.image) pairs[key] = {image, mask};
        return false;
    }

    /** For gradio, with [mask, image, image if the first is empty]: returns values for the mask, the message and further fields.
        words: key of the message's text. */
    function check(key, [mask, ...images], others, words) {
        if (!isOutdated(key, images.map(identity).find(Boolean) || null, identity(mask))) {
            return [UNCHANGED, UNCHANGED, ...others.map(() => UNCHANGED)];
        }
        return [null, window.relight.fields.messageOf(window.relight.text(words)), ...others];
    }

    return {check};
})();
