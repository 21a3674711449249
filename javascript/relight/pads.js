/* Creates a light pad in each container when the accordion opens, before the next paint, so that the layout does not shift.
   A container that gradio has re-created gets a new pad. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const pads = {}, watched = new WeakSet(), built = new WeakSet();
    const whenVisible = new IntersectionObserver((entries) => {
        for (const {target, isIntersecting} of entries) if (isIntersecting) build(target);
    });

    const isOpen = (place) => place.getClientRects().length > 0;

    function build(place) {
        if (built.has(place)) return;
        built.add(place);
        whenVisible.unobserve(place);
        pads[place.dataset.tab] = new window.relight.Pad(place, place.dataset.tab);
    }

    /** The accordion's title changes its class when it opens; the intersection observer covers all other cases. */
    function watch(place) {
        watched.add(place);
        whenVisible.observe(place);
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
