/* Toasts at the bottom right of the page, in view wherever it is scrolled. gradio's own do not work from a host's worker thread, nor for
   events that are not queued. */

window.relight = window.relight || {};

window.relight.toast = (() => {
    "use strict";

    const shown = {};

    function hide(key) {
        shown[key]?.remove();
        delete shown[key];
    }

    /** Show an error until it is closed, hidden, or style.css's animation has ended, which waits under the pointer and with the focus. */
    function show(key, message) {
        const {make} = window.relight.padElements;
        const close = make("button", {type: "button", "aria-label": window.relight.text("close"), onclick: () => hide(key)}, "\u00d7");
        const toast = make("div", {className: "relight-toast", role: "alert", onanimationend: () => hide(key)}, make("p", {}, message), close);
        hide(key);
        shown[key] = toast;
        document.body.append(toast);
    }

    return {hide, show};
})();
