/* The only Relight script in the page's head (hosts list the top level of this folder). The modules in relight/ are loaded once the
   host reports that its page is ready, so that they do not delay the first paint. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const MODULES = ["texts", "fields", "light_kinds", "depth", "light", "frame", "place", "subject", "previews", "setup", "undo", "toast", "status", "scroll_anchor", "pad_model", "pad_elements", "pad_view", "pad_input", "pad_images", "pad", "pads", "generate", "masks", "lists", "units", "models", "uploads", "use_light", "copied_light", "access", "viewer"];
    const AFTER_OPENING_MS = 200, OPEN_MS = 200;
    const here = document.currentScript.src;
    let isReady;
    const ready = new Promise((resolve) => (isReady = resolve));

    /** URL of a file in relight/, with the newest modification time of all of them as cache key. */
    function address(name) {
        const [folder, version] = [here.slice(0, here.lastIndexOf("/")), here.split("?")[1]];
        return `${folder}/relight/${name}?${document.querySelector(".relight-pad")?.dataset.version || version}`;
    }

    function load(name) {
        return new Promise((resolve, reject) => {
            const script = Object.assign(document.createElement("script"), {src: address(`${name}.js`), async: false, onload: resolve});
            script.onerror = () => reject(new Error(`${script.src} cannot be loaded; the light pad and the previews need it`));
            document.head.append(script);
        });
    }

    function loadStyles() {
        document.head.append(Object.assign(document.createElement("link"), {rel: "stylesheet", href: address("sections.css")}));
    }

    /** Runs the callback once the host's page and all modules are loaded. */
    window.relight.onReady = (callback) => ready.then(callback);

    /** gradio 3: enables a tab's image uploads once one of them becomes visible; see lib_relight/ui/lazy_uploads.py. */
    function enableUploadsLazily() {
        const clicked = new Set();
        const whenVisible = new IntersectionObserver((entries) => {
            for (const {target} of entries.filter((entry) => entry.isIntersecting)) {
                const button = document.getElementById(`${/^\w*_relight_(unit\d+_)?/.exec(target.id)[0]}enable_uploads`);
                whenVisible.unobserve(target);
                if (button && !clicked.has(button)) setTimeout(() => button.click(), AFTER_OPENING_MS);
                clicked.add(button);
            }
        }, {rootMargin: "100000px"});
        document.querySelectorAll(".relight-image-field").forEach((image) => whenVisible.observe(image));
    }

    onUiLoaded(enableUploadsLazily);
    onUiLoaded(loadStyles);
    onUiLoaded(() => Promise.all(MODULES.map(load)).then(isReady, (error) => console.error("Relight:", error)));

    /** Opens the accordion and enables it. Hosts differ: a click on the title opens and ticks, one on the checkbox may not open. */
    function open(accordion) {
        const title = accordion.querySelector(".label-wrap");
        if (title && !title.classList.contains("open")) title.click();
        setTimeout(() => {
            const checkbox = gradioApp().querySelector(`#${accordion.id}-visible-checkbox`);
            if (checkbox && !checkbox.checked) checkbox.click();
            accordion.scrollIntoView({block: "start", behavior: "smooth"});
        }, OPEN_MS);
    }

    /** Shows a tab ("txt2img" or "img2img"), opens its Relight accordion and scrolls it into view. */
    window.relight.show = (tab) => {
        const number = tab === "txt2img" ? 0 : 1;
        const button = gradioApp().querySelectorAll("#tabs > .tab-nav > button")[number];
        if (button && !button.classList.contains("selected")) button.click();
        const accordion = gradioApp().querySelector(`#script_${tab}_relight_enabled`);
        if (accordion) open(accordion);
    };

    /** What a Send button shows after it has sent an image: the tab's Relight, in img2img with the mode that has the init image. */
    window.relight.showSubject = (tab) => {
        if (tab === "img2img" && typeof switch_to_img2img === "function") switch_to_img2img();
        window.relight.show(tab);
    };
})();
