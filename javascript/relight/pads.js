/* Finds the pads' places. Nothing is built before the accordion opens; then it is built before the page is drawn, so that
   nothing moves. A place that gradio drew anew gets a new pad. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const pads = {}, watched = new WeakSet(), built = new WeakSet();
    const onSight = new IntersectionObserver((entries) => {
        for (const {target, isIntersecting} of entries) if (isIntersecting) build(target);
    });

    const isOpen = (place) => place.getClientRects().length > 0;

    function build(place) {
        if (built.has(place)) return;
        built.add(place);
        onSight.unobserve(place);
        pads[place.dataset.tab] = new window.relight.Pad(place, place.dataset.tab);
    }

    /** The accordion's title changes its class when it opens; where that is not seen, the place coming into sight is. */
    function watch(place) {
        watched.add(place);
        onSight.observe(place);
        const title = window.relight.fields.element(place.dataset.tab, "enabled")?.querySelector(".label-wrap");
        const opening = new MutationObserver(() => {
            if (!isOpen(place)) return;
            opening.disconnect();
            build(place);
        });
        if (title) opening.observe(title, {attributes: true, attributeFilter: ["class"]});
    }

    function attach() {
        for (const place of document.querySelectorAll(".relight-pad")) if (!watched.has(place)) watch(place);
    }

    window.relight.pads = pads;
    window.relight.onReady(attach);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(attach);
})();
