/* Light pad model without a page: conversion between lights and fields, handle positions, descriptions.
   Positions are shares of the frame: u 0..1 from the left, v 0..1 from the top. */

window.relight = window.relight || {};

window.relight.padModel = (() => {
    "use strict";

    const MAX_LIGHTS = 8;
    const {DEFAULTS, KINDS, kindName, kindOf, clip, round} = window.relight.lightKinds;
    let setups;

    /** The lights of a named set-up, see lib_iclight/light_setups.py; undefined for any other light. */
    function setupOf(name) {
        setups ??= JSON.parse(document.querySelector(".relight-setups").dataset.setups);
        return setups[name];
    }

    /** Keep only the fields that the light's kind uses or all kinds share; reset the others to their defaults. */
    function tidy(light) {
        const own = new Set(Object.values(KINDS).flatMap(({fields}) => fields)), {fields} = kindOf(light);
        const isKept = (name) => light[name] !== undefined && (fields.includes(name) || !own.has(name));
        const tidied = {...DEFAULTS, ...Object.fromEntries(Object.keys(DEFAULTS).filter(isKept).map((name) => [name, light[name]]))};
        if (kindName(tidied) === "direction" && tidied.light !== "angle") tidied.light_angle = DEFAULTS.light_angle;
        if (window.relight.light.hexOf(tidied.light_color) === null) tidied.light_color = DEFAULTS.light_color;
        return tidied;
    }

    const number = (value) => (value === "" || value === null || !Number.isFinite(Number(value)) ? null : Number(value));

    /** Panel fields -> {lights, place}; invalid JSON counts as empty. */
    function fromFields(values) {
        const own = {...DEFAULTS};
        for (const name of Object.keys(own)) {
            const given = values[name];
            if (typeof own[name] === "string") own[name] = given || own[name];
            else own[name] = number(given) ?? own[name];
        }
        return {lights: [...expanded(own), ...furtherLights(values.lights)], place: window.relight.place.parse(values.place)};
    }

    /** The field's own light, or the lights of a named set-up; fields that have their default take the set-up's. */
    function expanded(own) {
        if (own.light === "none") return [];
        const [key, ...others] = setupOf(own.light) || [{}];
        const changed = Object.entries(own).filter(([name, value]) => value !== DEFAULTS[name] && !(name === "light" && key.light));
        return [{...key, ...Object.fromEntries(changed)}, ...others].map((light) => tidy({...DEFAULTS, ...light}));
    }

    function furtherLights(text) {
        let list = [];
        try {
            list = JSON.parse(text || "[]");
        } catch {
            return [];
        }
        const known = (light) => light && kindOf(light).distance;
        return Array.isArray(list) ? list.filter(known).map((light) => tidy({...DEFAULTS, ...light})) : [];
    }

    /** {lights, place} -> the panel's fields: the first is the panel's own light, the others are the JSON of `lights`. */
    function toFields({lights, place}) {
        const [own, ...others] = lights.length ? lights : [{...DEFAULTS}];
        const changed = (light) => Object.fromEntries(Object.entries(light).filter(([name, value]) => value !== DEFAULTS[name]));
        return {
            ...own, light_start: asText(own.light_start), light_end: asText(own.light_end),
            lights: others.length ? JSON.stringify(others.map(changed)) : "", place: window.relight.place.toText(place),
        };
    }

    const asText = (value) => (value === null ? "" : String(value));

    const levelsOf = (light, kind) => window.relight.light.lightRange(light, kind);

    /** Position [u, v] of the light's handle, null for a light without one. kind: "fc" or "fbc". */
    function placeOf(light, width, height, kind) {
        return kindOf(light).place?.(light, width, height, levelsOf(light, kind)) ?? null;
    }

    /** Move the light to a position; directions snap to sides and corners within `snap` pixels. */
    const moveTo = (light, ...to) => kindOf(light).moveTo(light, ...to);

    /** A step by the arrow keys, dx and dy -1, 0 or 1 (y down). */
    const step = (light, dx, dy, isFine, kind) => kindOf(light).step(light, dx, dy, isFine, levelsOf(light, kind));

    /** Description of the light, such as "from above, colour #ffb46b". */
    function words(light, kind) {
        const place = window.relight.fillText(...kindOf(light).words(light, levelsOf(light, kind)));
        const isWhite = window.relight.light.hexOf(light.light_color) === "#ffffff", degrees = Math.abs(light.light_elevation);
        const raised = !degrees ? place : window.relight.text(light.light_elevation > 0 ? "inFront" : "behind", {words: place, degrees});
        return isWhite ? raised : window.relight.text("ofColor", {words: raised, color: light.light_color});
    }

    return {KINDS, MAX_LIGHTS, clip, fromFields, kindName, kindOf, moveTo, placeOf, round, step, tidy, toFields, words};
})();
