/* Scrolls by what the status line has grown or shrunk while the pointer is over the controls below it, so that they stay in place and no
   click lands beside its target. Browsers do so themselves only for what grows out of view. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TABS = ["txt2img", "img2img"];
    let scrolled = 0;

    /** Does nothing where the page was scrolled since its last scroll event: by the browser for the same reason, or to a problem. */
    function keep(line) {
        let height = line.offsetHeight;
        new ResizeObserver(() => {
            const before = height, page = document.scrollingElement;
            height = line.offsetHeight;
            const isUsed = before && height && line.parentElement.querySelector(":scope > .relight-status ~ :hover");
            if (!isUsed || page.scrollTop !== scrolled) return;
            page.scrollBy({top: height - before, behavior: "instant"});
            scrolled = page.scrollTop;
        }).observe(line);
    }

    function attach() {
        for (const tab of TABS) {
            const line = window.relight.fields.element(tab, "enabled")?.querySelector(".relight-status");
            if (line) keep(line);
        }
        const note = () => (scrolled = document.scrollingElement.scrollTop);
        document.addEventListener("scroll", note, {passive: true});
        note();
    }

    window.relight.onReady(attach);
})();
