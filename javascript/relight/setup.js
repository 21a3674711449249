/* Sets the host's size, steps, CFG scale and denoising strength when a panel with a subject is enabled, except those that the user has
   changed since the page was loaded, be it while the answer is on its way. The values come from the server's action set_up, and Undo takes
   them back; it also keeps what it has restored. */

window.relight = window.relight || {};

window.relight.setup = (() => {
    "use strict";

    const TABS = ["txt2img", "img2img"], ANSWER_MS = 15000;
    const APPLIED_MS = 100;  // gradio has an answer's values in its controls
    const CONTROLS = {steps: "host_steps", cfg_scale: "host_cfg", width: "host_width", height: "host_height", denoising_strength: "host_denoise"};
    const SIZE = ["host_width", "host_height"], ALL = Object.values(CONTROLS);
    /** Buttons that set the controls as the user wants them: css -> names of the controls. */
    const CHOSEN = {
        "#paste, #tab_pnginfo button, .relight-examples button": ALL,
        "[id$=_relight_size_from_subject]": SIZE, "[id$=_relight_recommended]": ALL.filter((name) => !SIZE.includes(name)),
    };
    const changed = {txt2img: new Set(), img2img: new Set()}, done = {}, sent = {}, waiting = {};

    /** The number of the server's last action if that was set_up, else null. */
    function answerOf(tab) {
        const {number, action} = JSON.parse(window.relight.fields.element(tab, "step")?.querySelector("[data-step]")?.dataset.step || "{}");
        return action === "set_up" ? number : null;
    }

    const isEnabled = (tab) => !!document.querySelector(`#script_${tab}_relight_enabled-visible-checkbox`)?.checked;

    /** The tabs that an element belongs to; both for one outside of them. */
    const tabsOf = (element) => TABS.filter((tab) => element.closest(`#tab_${tab}`) || !element.closest("#tab_txt2img, #tab_img2img"));

    /** Leave controls of a tab as they are now. */
    function keep(tab, names) {
        for (const name of names) changed[tab].add(name);
    }

    function onInput({target}) {
        if (!(target instanceof Element)) return;
        for (const tab of TABS) {
            for (const [id, name] of Object.entries(CONTROLS)) {
                if (!target.closest(`#${tab}_${id}`)) continue;
                changed[tab].add(name);
                if (waiting[tab]) waiting[tab].typed[id] = target.value;
            }
        }
    }

    function onClick({target}) {
        if (!(target instanceof Element)) return;
        for (const [css, names] of Object.entries(CHOSEN)) if (target.closest(css)) for (const tab of tabsOf(target)) keep(tab, names);
        const [, source, tab] = /^(\w+?)_send_to_relight_(\w+)$/.exec(target.closest("[id*=_send_to_relight_]")?.id) || [];
        if (tab) sent[tab] = {infotext: document.getElementById(`html_info_${source}`)?.innerText || ""};
    }

    const hasBackground = (tab) => !!window.relight.subject.fieldImage(tab, "background");

    /** Names a tab's subject, and whether it gets a background; "" without a subject or while the panel is off. */
    function subjectOf(tab) {
        const image = isEnabled(tab) && window.relight.subject.image(tab);
        return image ? `${hasBackground(tab)} ${image.naturalWidth} ${image.naturalHeight} ${image.src.length} ${image.src.slice(-200)}` : "";
    }

    const isDue = (tab) => !!waiting[tab] || !["", done[tab]].includes(subjectOf(tab)) || (isEnabled(tab) && !!window.relight.subject.loading(tab));

    /** Set a tab up if its subject is a new one, or a background came or went; not before both are loaded. Returns a promise: resolved
        once the controls have their values. One request at a time: gradio drops a press while the button's last event is running. */
    function check(tab) {
        const key = subjectOf(tab), running = waiting[tab]?.promise;
        if (!key || key === done[tab] || window.relight.subject.loading(tab)) return running || Promise.resolve();
        if (running) return running.then(() => check(tab));
        done[tab] = key;
        const {naturalWidth, naturalHeight} = window.relight.subject.image(tab), entry = {size: [naturalWidth, naturalHeight], known: answerOf(tab), typed: {}};
        entry.promise = new Promise((resolve) => (entry.resolve = resolve));
        waiting[tab] = entry;
        setTimeout(() => onAnswer(tab, entry), ANSWER_MS);
        window.relight.fields.press(tab, "set_up");
        return entry.promise;
    }

    function onChange(tab) {
        const answer = answerOf(tab);
        if (answer !== null && answer !== waiting[tab]?.known) onAnswer(tab);
    }

    function onAnswer(tab, entry = waiting[tab]) {
        if (!entry || waiting[tab] !== entry) return;
        delete waiting[tab];
        const typed = Object.entries(entry.typed);
        if (!typed.length) return entry.resolve();
        setTimeout(() => {
            for (const [id, value] of typed) window.relight.fields.setHost(tab, id, value);
            entry.resolve();
        }, APPLIED_MS);
    }

    /** For gradio: puts what only the page knows at an index of an event's values. */
    function withState(tab, values, index) {
        const from = sent[tab];
        delete sent[tab];
        const state = {
            size: waiting[tab]?.size || null, has_background: hasBackground(tab),
            kept: [...changed[tab], ...(from ? SIZE : [])], infotext: from?.infotext || "",
        };
        return values.map((value, i) => (i === index ? JSON.stringify(state) : value));
    }

    function attach() {
        for (const tab of TABS) {
            const step = window.relight.fields.element(tab, "step");
            if (step) new MutationObserver(() => onChange(tab)).observe(step, {childList: true, subtree: true});
        }
    }

    for (const type of ["input", "change"]) window.addEventListener(type, onInput, true);
    window.addEventListener("click", onClick, true);
    window.relight.onReady(attach);

    return {check, isDue, isLast: (tab) => answerOf(tab) !== null, keep, withState};
})();
