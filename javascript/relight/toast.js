/* Toasts at the bottom right of the page, in view wherever it is scrolled. gradio's own do not work from a host's worker thread, nor for
   events that are not queued. */

window.relight = window.relight || {};

window.relight.toast = (() => {
    "use strict";

    const shown = {};
    const make = (tag, properties, ...children) => {
        const element = Object.assign(document.createElement(tag), properties);
        element.append(...children);
        return element;
    };

    function hide(key) {
        shown[key]?.remove();
        delete shown[key];
    }

    /** Show an error until it is closed, hidden, or style.css's animation has ended, which waits under the pointer and with the focus. */
    function show(key, message) {
        const close = make("button", {type: "button", textContent: "\u00d7", onclick: () => hide(key)});
        close.setAttribute("aria-label", window.relight.text("close"));
        const toast = make("div", {className: "relight-toast", onanimationend: () => hide(key)}, make("p", {textContent: message}), close);
        toast.setAttribute("role", "alert");
        hide(key);
        shown[key] = toast;
        document.body.append(toast);
    }

    return {hide, show};
})();
