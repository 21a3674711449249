/* Relight's one-click flows: showing a tab with its accordion open. Names are global in a WebUI, hence the prefix. */

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

/* What the hosts call after a button has sent a picture: switch_to_ and the name under which it was registered. */

function switch_to_relight_txt2img() {
    relightShow("txt2img");
    return Array.from(arguments);
}

function switch_to_relight_img2img() {
    if (typeof switch_to_img2img === "function") switch_to_img2img();
    relightShow("img2img");
    return Array.from(arguments);
}
