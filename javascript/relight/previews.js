/* Page state for previews and messages: output size, img2img's init image, which fields hold images. */

window.relight = window.relight || {};

window.relight.previews = (() => {
    "use strict";

    const REST_MS = 350, AFTER_PASTE_MS = 1500, ANSWER_MS = 5000;
    const HOST_CONTROLS = "#img2img_denoising_strength, #txt2img_hr, #setting_sd_model_checkpoint, #img2img_image, #img_inpaint_mask, #img2img_inpaint_full_res, #mode_img2img, #paste";
    /** The accordion, and beside it the host's hidden checkbox, whose input event is the only one when the title is clicked. */
    const PANELS = ["txt2img", "img2img"].flatMap((tab) => ["", "-checkbox"].map((end) => `#script_${tab}_relight_enabled${end}`)).join();
    const TABS = ["txt2img", "img2img"], timers = {}, asked = {}, isOutdated = {}, newest = {};

    const ticked = (css) => {
        const box = document.querySelector(css);
        return box ? box.checked : null;
    };

    const seen = {txt2img: 0, img2img: 0}, answered = {...seen};
    let count = 0, requests = 0;

    /** For gradio: replaces a preview's first input by the page state, with the preview's number on this page. */
    async function withPage(tab, values) {
        const {number, job} = window.relight.frame;
        const page = {number: ++count, width: number(`${tab}_width`), height: number(`${tab}_height`), ...await job(tab)};
        return [JSON.stringify(page), ...values.slice(1)];
    }

    /** For gradio: the number of the newest preview; its cancellation may arrive before it. */
    function withNumber() {
        return JSON.stringify({number: count});
    }

    /** What the messages depend on of an image; null without one. */
    function known(image, name) {
        if (!image?.naturalWidth) return image && {};
        const [width, height] = window.relight.frame.sizeOf(image);
        const {isCutOut, isLikeMask} = window.relight.subject;
        return {width, height, is_cut_out: name === "foreground" && isCutOut(image), is_like_mask: ["foreground", "mask"].includes(name) && isLikeMask(image)};
    }

    /** For gradio: replaces the first input of the messages' event by the page state; no image is sent. */
    function withState(tab, values) {
        const {fieldImage, initImage} = window.relight.subject, {element} = window.relight.fields, {number, isPart} = window.relight.frame;
        const place = document.querySelector(`.relight-notices-of[data-tab="${tab}"]`);
        const found = (name) => (name.endsWith("_more") ? element(tab, name)?.querySelector("a, td.filename") : fieldImage(tab, name));
        const given = place.dataset.files.split(",").map((name) => [name, known(found(name), name)]).filter(([, image]) => image);
        const state = {
            request: newest[tab], given: Object.fromEntries(given), init_image: known(initImage(tab), "foreground"), only_masked: isPart(tab),
            denoise: number(`${tab}_denoising_strength`),
            hires: tab === "txt2img" ? ticked("#txt2img_hr-visible-checkbox") : null,
        };
        return [JSON.stringify(state), ...values.slice(1)];
    }

    /** Requests messages after a short pause in the user's changes; also after the accordion was closed. */
    function refresh(tab, wait = REST_MS) {
        clearTimeout(timers[tab]);
        timers[tab] = setTimeout(() => request(tab), wait);
    }

    /** One request at a time: answers may arrive in another order than their requests, and the last one has to stay. */
    function request(tab) {
        if (window.relight.pads[tab]?.drag) return refresh(tab);  // a line that changes its height would move the pad
        window.relight.undo.look(tab).catch((error) => console.warn("Relight:", error)).then(() => window.relight.setup.check(tab));
        isOutdated[tab] = !!asked[tab];
        if (asked[tab]) return;
        asked[tab] = setTimeout(() => goOn(tab), ANSWER_MS);
        newest[tab] = ++requests;
        window.relight.fields.press(tab, "notices_refresh");
    }

    function goOn(tab) {
        clearTimeout(asked[tab]);
        asked[tab] = null;
        if (isOutdated[tab]) request(tab);
    }

    /** answer: tells the number of its request; gradio's clock changes in it as well. An answer may be so late that a later request was
        answered before; then what it replaced is requested again. */
    function onAnswer(tab, answer) {
        const number = Number(answer.querySelector("[data-request]")?.dataset.request || 0);
        if (number === seen[tab]) return;
        seen[tab] = number;
        if (number === newest[tab]) goOn(tab);
        else if (number < answered[tab]) request(tab);
        answered[tab] = Math.max(number, answered[tab]);
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

    /** An image may arrive long after its <img> appeared. */
    function onLoad({target}) {
        const tab = target.tagName === "IMG" && affectedTab(target);
        if (tab && isOpen(tab)) refresh(tab);
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

    /** A rejected job's sentence goes once the list has it as well. */
    function dropListed(tab) {
        const rejection = window.relight.fields.element(tab, "enabled").querySelector(".relight-rejection");
        const lines = window.relight.fields.element(tab, "notices").querySelectorAll("li");
        if (rejection && [...lines].some((line) => line.textContent.includes(rejection.textContent))) rejection.remove();
    }

    function attach() {
        for (const type of ["input", "change", "click"]) document.addEventListener(type, onEvent, true);
        document.addEventListener("load", onLoad, true);
        const observer = new MutationObserver(onImageChange);
        for (const tab of TABS) {
            const {element, watch, logOf, onChange} = window.relight.fields, follow = () => isOpen(tab) && refresh(tab);
            onChange(tab, follow);
            watch(element(tab, "note"), (note) => [...note.querySelectorAll("p")].map(({textContent}) => textContent).join("\n"), follow);
            watch(element(tab, "step"), (step) => step.querySelector("[data-step]")?.dataset.step, follow);
            watch(document.getElementById(`html_log_${tab}`), logOf, follow);  // a job may have found other files
            const answer = element(tab, "notices_answer"), notices = element(tab, "notices");
            if (answer) new MutationObserver(() => onAnswer(tab, answer)).observe(answer, {childList: true, subtree: true, characterData: true});
            if (notices) new MutationObserver(() => dropListed(tab)).observe(notices, {childList: true, subtree: true});
            for (const id of [`script_${tab}_relight_enabled`, "img2img_image", "img_inpaint_mask"]) {
                const box = document.getElementById(id);
                if (box) observer.observe(box, {childList: true, subtree: true, attributes: true, attributeFilter: ["src"]});
            }
        }
    }

    window.relight.onReady(attach);

    return {withPage, withNumber, withState, refresh};
})();
