/* The only script of Relight that the host puts into the page's head: hosts list the top of this folder. The page is painted
   and usable without the modules in relight/; they are loaded when the host says that its page is there. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const MODULES = ["texts", "fields", "light", "subject", "previews", "pad_model", "pad_view", "pad_input", "pad", "pads", "access", "viewer"];
    const AFTER_OPENING_MS = 200;
    const here = document.currentScript.src;
    let isReady;
    const ready = new Promise((resolve) => (isReady = resolve));

    /** The modules' addresses change when one of them does: the panel knows the time of the newest. */
    function address(name) {
        const [folder, version] = [here.slice(0, here.lastIndexOf("/")), here.split("?")[1]];
        return `${folder}/relight/${name}.js?${document.querySelector(".relight-pad")?.dataset.version || version}`;
    }

    function load(name) {
        return new Promise((resolve, reject) => {
            const script = Object.assign(document.createElement("script"), {src: address(name), async: false, onload: resolve});
            script.onerror = () => reject(new Error(`${script.src} cannot be loaded; the light pad and the previews need it`));
            document.head.append(script);
        });
    }

    /** Calls back when the host's page and all modules are there, at once if they are. */
    window.relight.onReady = (callback) => ready.then(callback);

    /** gradio 3: pictures take files from the moment they can be seen, a tab's together; see lib_relight/ui/lazy_uploads.py. */
    function wakePictures() {
        const pressed = new Set();
        const onSight = new IntersectionObserver((entries) => {
            for (const {target} of entries.filter((entry) => entry.isIntersecting)) {
                const button = document.getElementById(`${/^\w*_relight_(unit\d+_)?/.exec(target.id)[0]}wake`);
                onSight.unobserve(target);
                if (button && !pressed.has(button)) setTimeout(() => button.click(), AFTER_OPENING_MS);
                pressed.add(button);
            }
        }, {rootMargin: "100000px"});
        document.querySelectorAll(".relight-picture").forEach((picture) => onSight.observe(picture));
    }

    onUiLoaded(wakePictures);
    onUiLoaded(() => Promise.all(MODULES.map(load)).then(isReady, (error) => console.error("Relight:", error)));
})();

/* What the page and the hosts call by name. Names are global in a WebUI, hence the prefix. */

/** Opens an accordion with a tick, where hosts differ: a click on the title opens and ticks it, one on the tick may leave it shut. */
function relightOpen(accordion) {
    const title = accordion.querySelector(".label-wrap");
    if (title && !title.classList.contains("open")) title.click();
    setTimeout(() => {
        const tick = gradioApp().querySelector(`#${accordion.id}-visible-checkbox`);
        if (tick && !tick.checked) tick.click();
        accordion.scrollIntoView({block: "start", behavior: "smooth"});
    }, 200);
}

/** Shows a tab ("txt2img" or "img2img"), opens its Relight accordion and brings it into view. */
function relightShow(tab) {
    const number = tab === "txt2img" ? 0 : 1;
    const button = gradioApp().querySelectorAll("#tabs > .tab-nav > button")[number];
    if (button && !button.classList.contains("selected")) button.click();
    const accordion = gradioApp().querySelector(`#script_${tab}_relight_enabled`);
    if (accordion) relightOpen(accordion);
}

/* After a button has sent a picture: switch_to_ and the name under which it was registered. */

function switch_to_relight_txt2img() {
    relightShow("txt2img");
    return Array.from(arguments);
}

function switch_to_relight_img2img() {
    if (typeof switch_to_img2img === "function") switch_to_img2img();
    relightShow("img2img");
    return Array.from(arguments);
}
