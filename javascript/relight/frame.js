/* The frame of an img2img job, as lib_relight/job/frame.py: how images are resized, and which part inpaint only masked samples. */

window.relight = window.relight || {};

window.relight.frame = (() => {
    "use strict";

    const COVER = 1, CONTAIN = 2, ONLY_MASKED = 1, ASPECT_TOLERANCE = 0.02, FINGERPRINT = 64;
    /** The strokes that are painted in the hosts' inpaint tabs: gradio 3's sketch, then Forge's canvas. */
    const STROKES = ["#img2maskimg canvas[key=mask]", "#img2maskimg .forge-drawing-canvas", "#inpaint_sketch .forge-drawing-canvas"].join();

    const sizeOf = (image) => [image.naturalWidth || image.width, image.naturalHeight || image.height];
    const chosen = (id) => Math.max(0, [...document.querySelectorAll(`#${id} input`)].findIndex((choice) => choice.checked));
    const isVisible = (element) => element.getClientRects().length > 0;

    function number(id) {
        const field = document.querySelector(`#${id} input[type=number]`);
        return field && field.value !== "" ? Number(field.value) : null;
    }

    /** The inpaint mask as <img> or <canvas>, or null. */
    function mask() {
        const uploads = [...document.querySelectorAll("#img_inpaint_mask img")].filter(window.relight.subject.isLoaded);
        return [...uploads, ...document.querySelectorAll(STROKES)].find(isVisible) || null;
    }

    /** Whether the job samples only a part of its init image. */
    function isPart(tab) {
        return chosen("img2img_inpaint_full_res") === ONLY_MASKED && !!window.relight.subject.initImage(tab) && !!mask();
    }

    /** The job's fields of the frame, without images; {} in txt2img. */
    function fields(tab) {
        return tab !== "img2img" ? {} : {
            resize_mode: chosen("resize_mode"), inpaint_full_res: isPart(tab), mask_blur: number("img2img_mask_blur"),
            inpaint_full_res_padding: number("img2img_inpaint_full_res_padding"),
            inpainting_mask_invert: chosen("img2img_mask_mode") === 1,
        };
    }

    /** `fields` and the images behind them as data: URLs. */
    async function job(tab) {
        const {initImage, dataUrl, canvas} = window.relight.subject, init = initImage(tab), known = fields(tab), source = mask();
        if (init) known.init_image = await dataUrl(init);
        if (!known.inpaint_full_res) return known;
        if (source.tagName === "IMG") return {...known, mask: await dataUrl(source)};
        const whole = canvas(...sizeOf(init));
        whole.getContext("2d").drawImage(source, 0, 0, whole.width, whole.height);
        return {...known, mask: whole.toDataURL()};
    }

    /** Changes with the part that is sampled; "" where all of the init image is. */
    function partKey(tab) {
        if (!isPart(tab)) return "";
        const small = window.relight.subject.canvas(FINGERPRINT, FINGERPRINT);
        small.getContext("2d").drawImage(mask(), 0, 0, FINGERPRINT, FINGERPRINT);
        return JSON.stringify([fields(tab), window.relight.subject.initImage(tab).src, small.toDataURL()]);
    }

    /** The box [left, top, right, bottom] of the init image that is sampled, or null for all of it; found by the server. */
    async function crop(tab, width, height) {
        const {init_image: init, ...known} = await job(tab);
        const reply = await fetch("relight/v1/preview/frame", {
            method: "POST", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({...known, tab, width, height, init_images: [init], iclight: {}}),
        });
        const answer = await reply.json();
        if (!reply.ok) throw new Error(answer.detail);
        return answer.info.crop;
    }

    /** Reads the frame of a tab's next job. onPart is called when the server has found the part that it samples. */
    class FrameReader {
        constructor(tab, onPart) {
            Object.assign(this, {tab, onPart, key: "", crop: null});
        }

        /** {mode, size of the init image or null, crop}; the crop is null until it is found. width, height: of the output. */
        read(width, height) {
            const init = window.relight.subject.initImage(this.tab), part = partKey(this.tab), key = part && `${part} ${width} ${height}`;
            if (key !== this.key) {
                Object.assign(this, {key, crop: null});
                if (key) this.find(key, width, height);
            }
            return {mode: chosen("resize_mode"), size: init && sizeOf(init), crop: this.crop};
        }

        async find(key, width, height) {
            const found = await crop(this.tab, width, height).catch((error) => console.warn("Relight:", error));
            if (key !== this.key || !found) return;
            this.crop = found;
            this.onPart();
        }
    }

    /** Draw an image into the canvas of a context as the job brings it to its size. frame: {mode, size of the init image or
        null, crop or null}. isCut: the border that "resize and fill" leaves stays transparent instead of repeating the edge.
        moved: {place, bounds} of a subject that is moved, see relight.place. */
    function place(context, image, frame, isCut = false, moved = null) {
        if (!frame.crop) return draw(context, image, modeOf(image, frame), isCut, moved);
        const [left, top, right, bottom] = frame.crop, part = window.relight.subject.canvas(right - left, bottom - top);
        const [x, y, ...size] = boxOf(image, COVER, ...frame.size, moved);
        part.getContext("2d").drawImage(image, x - left, y - top, ...size);
        draw(context, part, CONTAIN, isCut);
    }

    /** The resize mode of an image in a frame without a crop: one of another shape than the init image covers the output. */
    function modeOf(image, frame) {
        if (!frame.size) return COVER;
        const [width, height] = sizeOf(image), stretch = (width / height) / (frame.size[0] / frame.size[1]);
        return Math.max(stretch, 1 / stretch) <= 1 + ASPECT_TOLERANCE ? frame.mode : COVER;
    }

    /** [left, top, width, height] that an image takes in a frame of width x height; see place for moved. */
    function boxOf(image, mode, width, height, moved) {
        const own = sizeOf(image), scales = [width / own[0], height / own[1]];
        if (mode === COVER) scales.fill(Math.max(...scales));
        if (mode === CONTAIN) scales.fill(Math.min(...scales));
        const size = own.map((side, i) => side * scales[i] * (moved ? moved.place.scale : 1));
        if (!moved) return [(width - size[0]) / 2, (height - size[1]) / 2, ...size];
        const {place: {x, y}, bounds: [left, top, right, bottom]} = moved;
        return [x * width - (left + right) / 2 * size[0], y * height - (top + bottom) / 2 * size[1], ...size];
    }

    function draw(context, image, mode, isCut, moved = null) {
        const [left, top, ...size] = boxOf(image, mode, context.canvas.width, context.canvas.height, moved);
        context.imageSmoothingQuality = "high";
        if (mode === CONTAIN && !isCut) repeatEdges(context, image, left, top, size);
        context.drawImage(image, left, top, ...size);
    }

    /** Fill the border around the place of an image with its outermost pixels. */
    function repeatEdges(context, image, left, top, [width, height]) {
        const own = sizeOf(image), isBeside = left > top, edge = window.relight.subject.canvas(isBeside ? 1 : own[0], isBeside ? own[1] : 1);
        const brush = edge.getContext("2d"), depth = Math.max(1, Math.round(own[0] / width / 2));
        for (const isEnd of [false, true]) {
            const from = (length) => (isEnd ? length - depth : 0);
            if (isBeside) brush.drawImage(image, from(own[0]), 0, depth, own[1], 0, 0, 1, own[1]);
            else brush.drawImage(image, 0, from(own[1]), own[0], depth, 0, 0, own[0], 1);
            if (isBeside) context.drawImage(edge, isEnd ? left + width / 2 : 0, top, left + width / 2, height);
            else context.drawImage(edge, left, isEnd ? top + height / 2 : 0, width, top + height / 2);
        }
    }

    return {FrameReader, number, isPart, job, place, modeOf, boxOf, sizeOf};
})();
