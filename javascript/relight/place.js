/* Where the subject is put in the image: the twin of lib_iclight/placing.py. A place is {x, y, scale}: the centre of the matte's box in
   shares of the image, and the size over that which fits it. */

window.relight = window.relight || {};

window.relight.place = (() => {
    "use strict";

    const RANGES = {x: [-1, 2], y: [-1, 2], scale: [0.05, 4]}, NAMES = Object.keys(RANGES);
    const LONGEST = 768;
    const known = new WeakMap();

    /** The field's text as a place; null for an empty or an invalid one. */
    function parse(text) {
        const numbers = String(text ?? "").split(/[\s,]+/).filter(Boolean).map(Number);
        const isValid = numbers.length === NAMES.length && NAMES.every((name, i) => numbers[i] >= RANGES[name][0] && numbers[i] <= RANGES[name][1]);
        return isValid ? Object.fromEntries(NAMES.map((name, i) => [name, numbers[i]])) : null;
    }

    const toText = (place) => (place ? NAMES.map((name) => place[name]).join(", ") : "");

    /** A place within its ranges, to three digits. */
    const tidy = (place) => Object.fromEntries(NAMES.map((name) => [name, Number(Math.min(Math.max(place[name], RANGES[name][0]), RANGES[name][1]).toFixed(3))]));

    /** [left, top, right, bottom] of a cut-out in shares of its image: what is at least half as opaque as its most opaque pixel. */
    function boundsOf(image) {
        const found = known.get(image);
        if (found?.src === image.src) return found.bounds;
        const own = window.relight.frame.sizeOf(image), scale = Math.min(1, LONGEST / Math.max(...own));
        const [width, height] = own.map((side) => Math.max(1, Math.round(side * scale)));
        const context = window.relight.subject.canvas(width, height).getContext("2d", {willReadFrequently: true});
        context.drawImage(image, 0, 0, width, height);
        const {data} = context.getImageData(0, 0, width, height), across = new Uint8Array(width), down = new Uint8Array(height);
        for (let y = 0, i = 3; y < height; y++) {
            for (let x = 0; x < width; x++, i += 4) {
                across[x] = Math.max(across[x], data[i]);
                down[y] = Math.max(down[y], data[i]);
            }
        }
        const least = Math.max(1, ...across) / 2, isInside = (level) => level >= least;
        const bounds = [across.findIndex(isInside) / width, down.findIndex(isInside) / height,
            (across.findLastIndex(isInside) + 1) / width, (down.findLastIndex(isInside) + 1) / height];
        known.set(image, {src: image.src, bounds});
        return bounds;
    }

    return {parse, toText, tidy, boundsOf};
})();
