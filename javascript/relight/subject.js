/* Finds the images that the light pad shows, and has the subject cut out. */

window.relight = window.relight || {};

window.relight.subject = (() => {
    "use strict";

    const LONGEST = 768;
    const MATTE_FIELD = /^matt/;
    const INPUTS = {txt2img: [], img2img: ["img2img_image", "img2img_sketch", "img2maskimg", "inpaint_sketch", "img_inpaint_base"]};

    /** Whether an <img> has arrived whole: before that it may have its size already, but would be drawn in part or not at all. */
    const isLoaded = (image) => image.src && image.complete && image.naturalWidth > 0;

    const shownImage = (box) => [...(box?.querySelectorAll("img") || [])].find(isLoaded);

    /** The <img> of an image field of the panel, or null. */
    const fieldImage = (tab, name) => shownImage(window.relight.fields.element(tab, name)) || null;

    /** The subject's <img>: the panel's own, else img2img's init image; or null. */
    const image = (tab) => fieldImage(tab, "foreground") || initImage(tab);

    const initBoxes = (tab) => INPUTS[tab].map((id) => document.getElementById(id)).filter((box) => box && box.offsetParent !== null);

    /** The <img> of img2img's init image, or null. */
    function initImage(tab) {
        for (const box of initBoxes(tab)) {
            const found = shownImage(box);
            if (found) return found;
        }
        return null;
    }

    /** The <img> of a subject or background that was just given and that the browser still decodes, or undefined. */
    function loading(tab) {
        const boxes = [...["foreground", "background"].map((name) => window.relight.fields.element(tab, name)), ...initBoxes(tab)];
        return boxes.flatMap((box) => [...(box?.querySelectorAll("img") || [])]).find((image) => image.src && !image.complete);
    }

    function canvas(width, height) {
        return Object.assign(document.createElement("canvas"), {width, height});
    }

    /** RGBA of an image in a frame of width x height; see relight.frame.place. */
    function pixels(image, width, height, frame) {
        const context = canvas(width, height).getContext("2d", {willReadFrequently: true});
        window.relight.frame.place(context, image, frame);
        return context.getImageData(0, 0, width, height).data;
    }

    /** Whether something of the image is see-through; it is looked at small. */
    function isCutOut(image) {
        const data = pixels(image, 64, 64, {});
        for (let i = 3; i < data.length; i += 4) if (data[i] < 250) return true;
        return false;
    }

    /** Whether an opaque image is black and white, as iclight_checks.is_like_mask decides; it is looked at small. */
    function isLikeMask(image) {
        const data = pixels(image, 64, 64, {}), rgba = Array.from({length: data.length / 4}, (_, i) => data.subarray(4 * i, 4 * i + 4));
        const isExtreme = ([red, green, blue]) => Math.max(red, green, blue) < 32 || Math.min(red, green, blue) > 223;
        return !isCutOut(image) && rgba.filter(isExtreme).length >= 0.9 * rgba.length;
    }

    /** The content of an <img> as a data: URL. */
    async function dataUrl(image) {
        if (image.src.startsWith("data:")) return image.src;
        const blob = await (await fetch(image.src)).blob();
        return new Promise((resolve, reject) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.onerror = () => reject(reader.error);
            reader.readAsDataURL(blob);
        });
    }

    /** The panel's fields that shape the matte. */
    const matteFields = (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => MATTE_FIELD.test(name)));

    /** The server's cut-out of a subject as <img>, at most LONGEST pixels a side. Throws the server's message. */
    async function cutOut(tab, image, fields, signal) {
        const scale = Math.min(1, LONGEST / Math.max(image.naturalWidth, image.naturalHeight));
        const iclight = {foreground: await dataUrl(image)};
        Object.assign(iclight, matteFields(fields));
        const mask = fields.matting === "mask" && fieldImage(tab, "mask");
        if (mask) iclight.mask = await dataUrl(mask);
        const size = (length) => Math.max(16, Math.round(length * scale));
        const reply = await fetch("relight/v1/preview/matte", {
            method: "POST", headers: {"Content-Type": "application/json"}, signal,
            body: JSON.stringify({width: size(image.naturalWidth), height: size(image.naturalHeight), iclight}),
        });
        const answer = await reply.json();
        if (!reply.ok) throw new Error(answer.detail);
        const made = new Image();
        made.src = `data:image/png;base64,${answer.images[1]}`;
        await made.decode();
        return made;
    }

    return {image, initImage, fieldImage, isLoaded, loading, dataUrl, canvas, pixels, isCutOut, isLikeMask, matteFields, cutOut};
})();
