/* Starts jobs with what the panel shows: a click on Generate, by mouse or hotkey, first waits until changes of the last moments are
   in gradio's fields. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const RECENT_MS = 300, FRAME_MS = 100;
    const PANELS = "#script_txt2img_relight_enabled, #script_img2img_relight_enabled";
    const flushing = new Set();
    let changedAt = -Infinity, isPassing = false;

    function onChange(event) {
        if (event.target instanceof Element && event.target.closest(PANELS)) changedAt = performance.now();
    }

    /** gradio applies updates in a frame; hidden pages have none. */
    const frame = () => new Promise((resolve) => {
        requestAnimationFrame(resolve);
        setTimeout(resolve, FRAME_MS);
    });

    async function flush(tab) {
        const {loading} = window.relight.subject;
        try {
            for (let image = loading(tab); image; image = loading(tab)) await image.decode();
            await window.relight.undo.moves(tab);
            await window.relight.setup.check(tab);
            await window.relight.pads[tab]?.flush();
        } catch (error) {
            console.warn("Relight:", error);
        }
        await frame();
        await frame();
    }

    function onClick(event) {
        const button = event.target instanceof Element && event.target.closest("#txt2img_generate, #img2img_generate");
        if (!button || isPassing) return;
        const tab = button.id.split("_")[0];
        const isRecent = performance.now() - changedAt <= RECENT_MS;
        if (!isRecent && !window.relight.undo.isMoving(tab) && !window.relight.pads[tab]?.isSettling && !window.relight.setup.isDue(tab)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        if (flushing.has(tab)) return;
        flushing.add(tab);
        flush(tab).then(() => {
            flushing.delete(tab);
            isPassing = true;
            button.click();
            isPassing = false;
        });
    }

    for (const type of ["input", "change"]) window.addEventListener(type, onChange, true);
    window.addEventListener("click", onClick, true);
})();
