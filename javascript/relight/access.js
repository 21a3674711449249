/* Adds what gradio lacks for keyboard and screen readers in our accordions and buttons: button roles (gradio 3), accessible names,
   image descriptions. */

(() => {
    "use strict";

    const ROOTS = "#script_txt2img_relight_enabled, #script_img2img_relight_enabled";
    const NEXT = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
    let imageTexts = null;
    const words = (element) => (element?.innerText || "").replace(/\s+/g, " ").trim();

    function set(element, name, value) {
        if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
    }

    function asButton(element) {
        if (element.tagName === "BUTTON" || element.getAttribute("role") === "button") return;
        element.setAttribute("role", "button");
        element.tabIndex = 0;
    }

    /** An accordion's title; the host's checkbox inside it gets the title as its name. */
    function fixTitle(title) {
        asButton(title);
        const checkbox = title.querySelector("input[type=checkbox]");
        if (checkbox) set(checkbox, "aria-label", words(title.querySelector("span")));
        set(title, "aria-expanded", String(title.classList.contains("open")));
    }

    /** The help of an image field: a tooltip of its upload area. */
    function imageHelp(box) {
        imageTexts ??= JSON.parse(document.querySelector(".relight-setups")?.dataset.images || "{}");
        const name = /_relight_(.*)_column$/.exec(box.closest(".relight-image-field")?.id)?.[1].replace(/^unit\d+_/, "unit_");
        return imageTexts[name] && window.relight.fillText(imageTexts[name]);
    }

    /** An upload area gets its field's name; on gradio 3 it is no button while it shows an image. */
    function fixUpload(input) {
        const box = input.parentElement, block = box.closest(".block"), label = words(block?.querySelector("[data-testid=block-label]"));
        if (box.tagName !== "BUTTON" && box.querySelector("img")) {
            for (const name of ["role", "tabindex", "aria-label"]) box.removeAttribute(name);
        } else {
            asButton(box);
            set(box, "aria-label", label && `${label}: ${words(box)}`);
            set(box, "title", imageHelp(box));
        }
        for (const image of block?.querySelectorAll("img") || []) set(image, "alt", label);
    }

    /** The empty Subject of img2img tells that the img2img image is the subject. */
    function hintSubject() {
        const {style} = document.getElementById("script_img2img_relight_foreground_column") || {};
        style?.setProperty("--relight-hint", JSON.stringify(window.relight.text("initIsSubject")));
        style?.setProperty("--relight-hint-size", "0.7rem");
    }

    /** A field's name is its label, without the help text. */
    function fixField(label) {
        const help = label.nextElementSibling, block = label.closest(".block"), name = words(label);
        if (words(help) && block.id && !help.id) help.id = `${block.id}_help`;
        for (const field of block.querySelectorAll("input:not([type=radio], [type=checkbox], [type=file]), textarea")) {
            if (!field.hasAttribute("aria-label")) set(field, "aria-label", name);
            set(field, "aria-describedby", words(help) && help.id);
        }
    }

    /** Our symbol buttons below the results; not every host shows a button's tooltip. */
    function nameSendButtons() {
        for (const target of ["txt2img", "img2img"]) {
            for (const button of document.querySelectorAll(`[id$=_send_to_relight_${target}]`)) {
                for (const name of ["title", "aria-label"]) set(button, name, window.relight.text(`${target}Subject`));
            }
        }
    }

    function fixAria() {
        nameSendButtons();
        for (const root of document.querySelectorAll(ROOTS)) {
            const titles = root.querySelectorAll(".label-wrap");
            titles.forEach(fixTitle);
            if (!titles[0]?.classList.contains("open")) continue;
            root.querySelectorAll("input[type=file]:not(.relight-copy-light *)").forEach(fixUpload);
            root.querySelectorAll("[data-testid=block-info]").forEach(fixField);
        }
    }

    /** Chromium stops at every list that scrolls; a dropdown's is gone by then, and the focus with it. */
    function skipOptionLists(root) {
        for (const list of root.querySelectorAll("ul.options")) list.tabIndex = -1;
    }

    /** Enter and Space click elements with our button role; arrows only move the focus in quick prompts, which act on selection. */
    function onKey(event) {
        const {target, key} = event, root = target instanceof Element && target.closest(ROOTS);
        if (!root) return;
        if (key === "Tab") skipOptionLists(root);
        if (target.matches("div[role=button]") && (key === "Enter" || key === " ")) {
            event.preventDefault();
            target.click();
        }
        const choices = [...(target.closest("[id*=_relight_words_]")?.querySelectorAll("input[type=radio]") || [])];
        if (!NEXT[key] || !choices.includes(target)) return;
        event.preventDefault();
        choices[(choices.indexOf(target) + NEXT[key] + choices.length) % choices.length].focus();
    }

    document.addEventListener("keydown", onKey);
    document.addEventListener("click", (event) => event.target.closest?.(ROOTS) && setTimeout(fixAria));
    window.relight.onReady(() => {
        fixAria();
        hintSubject();
    });
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(fixAria);
})();
