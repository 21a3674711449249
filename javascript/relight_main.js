/* The only script of Relight that the host puts into the page's head: hosts list the top of this folder. The page is painted
   and usable without the modules in relight/; they are loaded when the host says that its page is there. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const MODULES = ["texts", "fields", "light", "subject", "previews", "pad_model", "pad_view", "pad_input", "pad", "pads", "access"];
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

    onUiLoaded(() => Promise.all(MODULES.map(load)).then(isReady, (error) => console.error("Relight:", error)));
})();

/* What the page and the hosts call by name. Names are global in a WebUI, hence the prefix. */

/** Shows a tab ("txt2img" or "img2img"), ticks its Relight accordion and brings it into view. */
function relightShow(tab) {
    const number = tab === "txt2img" ? 0 : 1;
    const button = gradioApp().querySelectorAll("#tabs > .tab-nav > button")[number];
    if (button && !button.classList.contains("selected")) button.click();
    const id = `script_${tab}_relight_enabled`;
    const tick = gradioApp().querySelector(`#${id}-visible-checkbox`);
    if (tick && !tick.checked) tick.click();
    const accordion = gradioApp().querySelector(`#${id}`);
    if (accordion) setTimeout(() => accordion.scrollIntoView({block: "start", behavior: "smooth"}), 100);
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
