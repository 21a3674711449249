/* The viewer in which every host shows results full size: from there, too, a picture is sent to Relight. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TARGETS = ["txt2img", "img2img"];

    const senders = (target) => [...document.querySelectorAll(TARGETS.map((tab) => `#${tab}_send_to_relight_${target}`).join())];

    /** The button under the results in view. What the viewer shows is what is chosen there, also after its own arrows. */
    const sender = (target) => senders(target).find((button) => button.offsetParent !== null);

    function symbol(target) {
        const words = window.relight.text(`${target}Subject`);
        const made = Object.assign(document.createElement("span"), {
            className: "relight-viewer cursor", tabIndex: 0, role: "button", title: words, textContent: senders(target)[0]?.textContent.trim()});
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
        const symbols = TARGETS.map((target) => [symbol(target), target]);
        close.before(...symbols.map(([made]) => made));
        const show = () => symbols.forEach(([made, target]) => (made.style.display = sender(target) ? "" : "none"));
        new MutationObserver(show).observe(viewer, {attributes: true, attributeFilter: ["style"]});
    }

    window.relight.onReady(join);
})();
