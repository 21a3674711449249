/* Finds the pads' places. Nothing is built before a place comes into sight, and a place that gradio drew anew gets a new pad. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const pads = {}, watched = new WeakSet();
    const observer = new IntersectionObserver((entries) => {
        for (const {target, isIntersecting} of entries) if (isIntersecting) open(target);
    }, {rootMargin: "200px"});

    function open(place) {
        observer.unobserve(place);
        pads[place.dataset.tab] = new window.relight.Pad(place, place.dataset.tab);
    }

    function attach() {
        for (const place of document.querySelectorAll(".relight-pad")) {
            if (watched.has(place)) continue;
            watched.add(place);
            observer.observe(place);
        }
    }

    window.relight.pads = pads;
    if (typeof onUiLoaded === "function") onUiLoaded(attach);
    else document.addEventListener("DOMContentLoaded", attach);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(attach);
})();
