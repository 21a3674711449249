/* The tabs of image prompts: an image enables its unit, fields that have no use at the moment are hidden, and the labels of the tabs
   and of the accordion show what is active. */

window.relight = window.relight || {};

window.relight.units = (() => {
    "use strict";

    const COUNT = 4, RACE_MS = 10000;
    const IMAGES = ["mask", "image_mask", "negative_image"];
    const given = {}, touched = new Set(), ticked = {}, answering = new Set(), states = {txt2img: {}, img2img: {}};
    const element = (tab, name) => window.relight.fields.element(tab, name);
    const identity = (value) => value?.path || value?.name || value?.data || value?.url || value;

    /** Of the page's data about units: names of the fields, their defaults, and the values of others for which they have an effect. */
    function data(tab) {
        const {fields, defaults, shown} = document.querySelector(`.relight-units-of[data-tab="${tab}"]`).dataset;
        return {fields: fields.split(","), defaults: JSON.parse(defaults), shown: JSON.parse(shown)};
    }

    const imagesOf = (unit) => [unit.image, ...(unit.more || [])].filter(Boolean).map(identity);

    /** Called by gradio with the values of a unit's fields; returns whether it is enabled. */
    function changed(tab, number, values) {
        const {fields} = data(tab), unit = Object.fromEntries(fields.map((name, i) => [name, values[i]]));
        const enabled = enabledBy(`${tab} ${number}`, unit);
        update(tab, number, enabled === null ? unit : {...unit, enabled});
        return enabled === null ? window.relight.fields.noResult() : [enabled];
    }

    /** A new image or a tick of the user enables a unit, taking away the last one disables it. gradio may set a value of here after
        the user's next click on Enable; that click wins. Returns null where nothing changes. */
    function enabledBy(key, unit) {
        const before = given[key] || [], images = imagesOf(unit), isTicked = touched.delete(key), click = ticked[key];
        given[key] = images;
        if (images.some((image) => !before.includes(image)) || (isTicked && unit.use_subject)) {
            delete ticked[key];
            answering.add(key);
            return true;
        }
        if (!click && unit.enabled) answering.delete(key);
        if (click && unit.enabled !== click.checked && answering.delete(key) && performance.now() - click.time < RACE_MS) return click.checked;
        return !images.length && !unit.use_subject && (before.length || isTicked) ? false : null;
    }

    const isFace = (tab, unit) => window.relight.lists.isFace(tab, unit.model);

    /** Whether a field has an effect with the unit's other values. */
    function isOfUse(tab, name, unit, shown) {
        const count = imagesOf(unit).length + (unit.use_subject ? 1 : 0);
        const rules = {
            mask: count > 0, image_mask: imagesOf(unit).length > 0 && !unit.tiled, negative_image: unit.uncond === "image",
            combine: count > 1 && !unit.tiled, image_weights: count > 1, unfold_batch: count > 1 && !unit.tiled,
            tiled: count === 1, crop: !unit.tiled, face_index: isFace(tab, unit) || unit.crop === "face",
            faceid_lora: isFace(tab, unit), faceid_scale: isFace(tab, unit),
        };
        return (rules[name] ?? true) && Object.entries(shown[name] || {}).every(([other, wanted]) => wanted.includes(unit[other]));
    }

    /** A field with a value of its own stays, so that it can be taken back. */
    const isDefault = (name, value, defaults) => (IMAGES.includes(name) ? !value : String(value ?? "") === String(defaults[name] ?? ""));

    function hideUseless(tab, number, unit) {
        const {defaults, shown} = data(tab);
        for (const name of [...IMAGES, ...Object.keys(defaults)]) {
            const field = element(tab, `unit${number}_${name}${IMAGES.includes(name) ? "_column" : ""}`);
            field?.toggleAttribute("data-relight-unused", !isOfUse(tab, name, unit, shown) && isDefault(name, unit[name], defaults));
        }
    }

    function update(tab, number, unit) {
        const isGiven = imagesOf(unit).length > 0 || unit.use_subject;
        states[tab][number] = {enabled: unit.enabled, isGiven, kind: isFace(tab, unit) ? "face" : unit.weight_type};
        hideUseless(tab, number, unit);
        window.relight.lists.mark(tab, `unit${number}_model`, unit.model);
        label(tab);
    }

    /* ---- labels ---- */

    /** The text that follows "Image 1" in the label of a unit's tab. */
    function words({enabled, isGiven, kind} = {}) {
        const {text, fillText} = window.relight, short = (kind || "").replace(/ transfer\b/, "");
        if (enabled && !isGiven) return ` · ${text("unitWithoutImage")}`;
        if (enabled) return `${short && short !== "linear" ? ` · ${fillText(short)}` : ""} ✓`;
        return isGiven ? ` · ${text("unitOff")}` : "";
    }

    /** Adds text to an element of gradio, beside its own text. */
    function append(place, note) {
        if (!place) return;
        let added = place.querySelector(":scope > .relight-added");
        if (!added && note) place.append(added = Object.assign(document.createElement("span"), {className: "relight-added"}));
        if (added && added.textContent !== note) added.textContent = note;
    }

    function label(tab) {
        const accordion = element(tab, "enabled"), tabs = accordion?.querySelectorAll("[role=tablist] > button, .tab-nav > button") || [];
        for (let number = 1; number <= COUNT; number += 1) append(tabs[number], words(states[tab][number]));
        const active = Object.values(states[tab]).filter(({enabled}) => enabled).length;
        const note = active ? ` · ${window.relight.text(active > 1 ? "imagePrompts" : "imagePrompt", {count: active})}` : "";
        append(accordion?.querySelector(":scope > .label-wrap > span"), note);
    }

    /* ---- the state of a fresh page, and the tabs that gradio draws anew when another is chosen ---- */

    async function read(tab) {
        const fields = await window.relight.fields.get(tab);
        for (let number = 1; number <= COUNT; number += 1) {
            const start = `unit${number}_`, own = Object.entries(fields).filter(([name]) => name.startsWith(start));
            if (!states[tab][number]) update(tab, number, Object.fromEntries(own.map(([name, value]) => [name.slice(start.length), value])));
        }
    }

    function attach() {
        for (const tab of ["txt2img", "img2img"]) {
            const bar = element(tab, "enabled")?.querySelector("[role=tablist], .tab-nav");
            if (!bar) continue;
            new MutationObserver(() => label(tab)).observe(bar, {childList: true});
            const opening = new IntersectionObserver(([{isIntersecting}]) => {
                if (!isIntersecting) return;
                opening.disconnect();
                read(tab).catch((error) => console.warn("Relight:", error));
            });
            opening.observe(bar);
        }
    }

    /** Presets set the same checkbox; only a tick of the user enables the unit. gradio's own event comes before the page's change event. */
    document.addEventListener("click", ({target, isTrusted}) => {
        if (!(target instanceof HTMLInputElement)) return;
        const box = target.closest("[id$=_use_subject], [id$=_enabled]");
        const [, tab, number, name] = /^script_(\w+?)_relight_unit(\d)_(use_subject|enabled)$/.exec(box?.id) || [];
        if (!isTrusted || !tab) return;
        if (name === "enabled") ticked[`${tab} ${number}`] = {checked: target.checked, time: performance.now()};
        else touched.add(`${tab} ${number}`);
    }, true);

    window.relight.onReady(attach);

    return {changed};
})();
