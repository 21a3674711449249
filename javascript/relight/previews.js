/* Page state for previews and messages: output size, img2img's init image, which fields hold images. */

window.relight = window.relight || {};

window.relight.previews = (() => {
    "use strict";

    const REST_MS = 350, AFTER_PASTE_MS = 1500;
    const HOST_CONTROLS = "#img2img_denoising_strength, #txt2img_hr, #setting_sd_model_checkpoint, #img2img_image, #mode_img2img, #paste";
    /** The accordion, and beside it the host's hidden checkbox, whose input event is the only one when the title is clicked. */
    const PANELS = ["txt2img", "img2img"].flatMap((tab) => ["", "-checkbox"].map((end) => `#script_${tab}_relight_enabled${end}`)).join();
    const TABS = ["txt2img", "img2img"], timers = {};

    const number = (css) => {
        const field = document.querySelector(css);
        return field && field.value !== "" ? Number(field.value) : null;
    };
    const ticked = (css) => {
        const box = document.querySelector(css);
        return box ? box.checked : null;
    };

    function resizeMode() {
        const chosen = [...document.querySelectorAll("#resize_mode input")].findIndex((choice) => choice.checked);
        return chosen < 0 ? 0 : chosen;
    }

    /** img2img's init image, unless the panel has a subject of its own. */
    function initImage(tab) {
        const {image, fieldImage} = window.relight.subject;
        return tab === "img2img" && !fieldImage(tab, "foreground") ? image(tab) : null;
    }

    /** For gradio: replaces a preview's first input by the page state. */
    async function withPage(tab, values) {
        const picture = initImage(tab);
        const page = {
            width: number(`#${tab}_width input[type=number]`), height: number(`#${tab}_height input[type=number]`),
            resize_mode: resizeMode(), picture: picture && await window.relight.subject.dataUrl(picture),
        };
        return [JSON.stringify(page), ...values.slice(1)];
    }

    /** For gradio: replaces the first input of the messages' event by the page state; no image is sent. */
    function withState(tab, values) {
        const {fieldImage} = window.relight.subject, {element} = window.relight.fields;
        const place = document.querySelector(`.relight-notices-of[data-tab="${tab}"]`);
        const holds = (name) => (name.endsWith("_more") ? element(tab, name)?.querySelector("a, td.filename") : fieldImage(tab, name));
        const state = {
            given: place.dataset.files.split(",").filter(holds), has_picture: !!initImage(tab),
            denoise: number(`#${tab}_denoising_strength input[type=number]`),
            hires: tab === "txt2img" ? ticked("#txt2img_hr-visible-checkbox") : null,
        };
        return [JSON.stringify(state), ...values.slice(1)];
    }

    /** Requests messages after a short pause in the user's changes; also after the accordion was closed. */
    function refresh(tab, wait = REST_MS) {
        clearTimeout(timers[tab]);
        timers[tab] = setTimeout(() => window.relight.fields.press(tab, "notices_refresh"), wait);
    }

    function isOpen(tab) {
        return ticked(`#script_${tab}_relight_enabled-visible-checkbox`);
    }

    /** The tab whose messages an event affects; "" for both, null for none. */
    function affectedTab(target) {
        if (!(target instanceof Element) || target.closest("[id$=_notices_refresh], .relight-preview")) return null;
        const panel = target.closest(PANELS);
        if (panel) return panel.id.split("_")[1];
        if (!target.closest(HOST_CONTROLS)) return null;
        return target.closest("#tab_img2img") ? "img2img" : target.closest("#tab_txt2img") ? "txt2img" : "";
    }

    const wasOpen = {};

    /** Marks previews as stale when settings change, until they are requested again. */
    function markStale(target) {
        const requested = !!target.closest(".relight-previews");
        for (const shown of target.closest("[id$=_relight_enabled]")?.querySelectorAll(".relight-figures") || []) {
            shown.classList.toggle("relight-stale", !requested);
        }
    }

    function onEvent(event) {
        if (!event.isTrusted && event.type === "click") return;
        const tab = affectedTab(event.target);
        if (tab === null) return;
        if (event.type !== "click" || event.target.closest(".relight-previews")) markStale(event.target);
        const pasted = event.target.closest("#paste");
        for (const each of tab ? [tab] : TABS) {
            const open = isOpen(each) || pasted;
            if (open || wasOpen[each]) refresh(each, pasted ? AFTER_PASTE_MS : REST_MS);
            wasOpen[each] = open;
        }
    }

    /** Images appear some time after the event that set them; a canvas keeps its <img>. */
    function onImageChange(records) {
        for (const record of records) {
            const moved = record.type === "attributes" ? [record.target] : [...record.addedNodes, ...record.removedNodes];
            if (!moved.some((node) => node instanceof Element && (node.tagName === "IMG" || node.querySelector?.("img")))) continue;
            const tab = affectedTab(record.target);
            if (tab && isOpen(tab)) refresh(tab);
        }
    }

    function attach() {
        for (const type of ["input", "change", "click"]) document.addEventListener(type, onEvent, true);
        const observer = new MutationObserver(onImageChange);
        for (const tab of TABS) {
            for (const id of [`script_${tab}_relight_enabled`, "img2img_image"]) {
                const box = document.getElementById(id);
                if (box) observer.observe(box, {childList: true, subtree: true, attributes: true, attributeFilter: ["src"]});
            }
        }
    }

    window.relight.onReady(attach);

    return {withPage, withState, refresh};
})();
