/* The viewer in which every host shows results full size: from there, too, a picture is sent to Relight. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const SYMBOLS = {txt2img: "\u{1F4A1}", img2img: "\u{1F506}"};

    /** The button under the results in view. What the viewer shows is what is chosen there, also after its own arrows. */
    function sender(target) {
        const buttons = document.querySelectorAll(`#txt2img_send_to_relight_${target}, #img2img_send_to_relight_${target}`);
        return [...buttons].find((button) => button.offsetParent !== null);
    }

    function symbol(target) {
        const words = window.relight.text(`${target}Subject`);
        const made = Object.assign(document.createElement("span"), {
            className: "relight-viewer cursor", tabIndex: 0, role: "button", title: words, textContent: SYMBOLS[target]});
        made.setAttribute("aria-label", words);
        const send = (event) => {
            event.stopPropagation();
            closeModal();
            sender(target)?.click();
        };
        made.addEventListener("click", send);
        made.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && send(event));
        return made;
    }

    /** Beside the viewer's own symbols; not over other galleries than the two tabs' results. */
    function join() {
        const viewer = document.getElementById("lightboxModal"), close = viewer?.querySelector(".modalControls .modalClose");
        if (!close) return;
        const symbols = Object.keys(SYMBOLS).map((target) => [symbol(target), target]);
        close.before(...symbols.map(([made]) => made));
        const show = () => symbols.forEach(([made, target]) => (made.style.display = sender(target) ? "" : "none"));
        new MutationObserver(show).observe(viewer, {attributes: true, attributeFilter: ["style"]});
    }

    window.relight.onReady(join);
})();
