/* Adds Send to Relight buttons to the hosts' full-size image viewer. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TARGETS = ["txt2img", "img2img"];

    const senders = (target) => [...document.querySelectorAll(TARGETS.map((tab) => `#${tab}_send_to_relight_${target}`).join())];

    /** The Send button below the visible gallery, whose selection follows the viewer's image. */
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

    /** Next to the viewer's own buttons; only for the two tabs' result galleries. */
    function addButtons() {
        const viewer = document.getElementById("lightboxModal"), close = viewer?.querySelector(".modalControls .modalClose");
        if (!close) return;
        const symbols = TARGETS.map((target) => [symbol(target), target]);
        close.before(...symbols.map(([made]) => made));
        const show = () => symbols.forEach(([made, target]) => (made.style.display = sender(target) ? "" : "none"));
        new MutationObserver(show).observe(viewer, {attributes: true, attributeFilter: ["style"]});
    }

    window.relight.onReady(addButtons);
})();
