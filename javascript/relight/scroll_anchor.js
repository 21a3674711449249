/* Scrolls by what the status line has grown or shrunk while the pointer is over the controls below it, so that they stay in place and no
   click lands beside its target. Browsers do so themselves only for what grows out of view. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TABS = ["txt2img", "img2img"];
    const pointer = {x: -1, y: -1};
    let scrolled = 0;

    /** Whether the pointer was below the line of this height; :hover may already name what the line has moved under it. */
    function isAbovePointer(line, height, accordion) {
        const {left, right, bottom} = accordion.getBoundingClientRect(), {x, y} = pointer;
        return x > left && x < right && y > line.getBoundingClientRect().top + height && y < bottom;
    }

    /** Does nothing where the page was scrolled since its last scroll event: by the browser for the same reason, or to a problem. */
    function keep(line, accordion) {
        let height = line.offsetHeight;
        new ResizeObserver(() => {
            const before = height, page = document.scrollingElement;
            height = line.offsetHeight;
            if (!before || !height || page.scrollTop !== scrolled || !isAbovePointer(line, before, accordion)) return;
            page.scrollBy({top: height - before, behavior: "instant"});
            scrolled = page.scrollTop;
        }).observe(line);
    }

    function attach() {
        for (const tab of TABS) {
            const accordion = window.relight.fields.element(tab, "enabled"), line = accordion?.querySelector(".relight-status");
            if (line) keep(line, accordion);
        }
        const note = () => (scrolled = document.scrollingElement.scrollTop);
        document.addEventListener("scroll", note, {passive: true});
        note();
        for (const type of ["pointermove", "pointerdown"]) {
            document.addEventListener(type, ({clientX, clientY}) => Object.assign(pointer, {x: clientX, y: clientY}), {capture: true, passive: true});
        }
    }

    window.relight.onReady(attach);
})();
