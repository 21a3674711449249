/* What gradio leaves out for the keyboard and for screen readers, mended inside our accordions: things to press that are no
   buttons (gradio 3), controls without a name, pictures without a description. */

(() => {
    "use strict";

    const ROOTS = "#script_txt2img_relight_enabled, #script_img2img_relight_enabled";
    const NEXT = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
    const words = (element) => (element?.innerText || "").replace(/\s+/g, " ").trim();

    function set(element, name, value) {
        if (value && element.getAttribute(name) !== value) element.setAttribute(name, value);
    }

    function asButton(element) {
        if (element.tagName === "BUTTON" || element.getAttribute("role") === "button") return;
        element.setAttribute("role", "button");
        element.tabIndex = 0;
    }

    /** An accordion's title; the tick that hosts put into ours has the title's name. */
    function mendTitle(title) {
        asButton(title);
        const tick = title.querySelector("input[type=checkbox]");
        if (tick) set(tick, "aria-label", words(title.querySelector("span")));
        set(title, "aria-expanded", String(title.classList.contains("open")));
    }

    /** The box that a file is dropped on: it says for what, and is no button while a picture covers it (gradio 3). */
    function mendUpload(input) {
        const box = input.parentElement, block = box.closest(".block"), label = words(block?.querySelector("[data-testid=block-label]"));
        if (box.tagName !== "BUTTON" && box.querySelector("img")) {
            for (const name of ["role", "tabindex", "aria-label"]) box.removeAttribute(name);
        } else {
            asButton(box);
            set(box, "aria-label", label && `${label}: ${words(box)}`);
        }
        for (const picture of block?.querySelectorAll("img") || []) set(picture, "alt", label);
    }

    /** A field's name is its label; its help is no part of the name. */
    function mendField(label) {
        const help = words(label.nextElementSibling), name = words(label);
        for (const field of label.closest(".block").querySelectorAll("input:not([type=radio], [type=checkbox], [type=file]), textarea")) {
            if (!field.hasAttribute("aria-label")) set(field, "aria-label", name);
            set(field, "aria-description", help);
        }
    }

    function mend() {
        for (const root of document.querySelectorAll(ROOTS)) {
            const titles = root.querySelectorAll(".label-wrap");
            titles.forEach(mendTitle);
            if (!titles[0]?.classList.contains("open")) continue;
            root.querySelectorAll("input[type=file]").forEach(mendUpload);
            root.querySelectorAll("[data-testid=block-info]").forEach(mendField);
        }
    }

    /** Enter and Space press what is a button by our doing; in quick prompts, which act when they are chosen, arrows only move. */
    function onKey(event) {
        const {target, key} = event;
        if (!(target instanceof Element) || !target.closest(ROOTS)) return;
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
    document.addEventListener("click", (event) => event.target.closest?.(ROOTS) && setTimeout(mend));
    window.relight.onReady(mend);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(mend);
})();
