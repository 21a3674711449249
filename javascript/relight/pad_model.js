/* Light pad model without a page: conversion between lights and fields, handle positions, descriptions, undo history.
   Positions are shares of the frame: u 0..1 from the left, v 0..1 from the top. */

window.relight = window.relight || {};

window.relight.padModel = (() => {
    "use strict";

    const MAX_LIGHTS = 8;
    const CORNER_ANGLE = {"top-right": 45, "top-left": 135, "bottom-left": 225, "bottom-right": 315};
    const NAMED_ANGLE = {right: 0, top: 90, left: 180, bottom: 270, ...CORNER_ANGLE};
    const NAMED_PLACE = {
        right: [1, 0.5], top: [0.5, 0], left: [0, 0.5], bottom: [0.5, 1],
        "top-right": [1, 0], "top-left": [0, 0], "bottom-left": [0, 1], "bottom-right": [1, 1],
    };
    const USED = {direction: ["light_angle"], spot: ["light_x", "light_y", "light_radius"], ambient: [], custom: []};
    const COMMON = ["light", "light_start", "light_end", "light_color", "light_gamma"];
    const FIRST = {direction: {light: "left"}, spot: {light: "spot"}, ambient: {light: "ambient"}, custom: {light: "custom"}};

    const defaults = () => window.relight.light.DEFAULTS;
    const clip = (value, low, high) => Math.min(Math.max(value, low), high);
    const round = (value, digits) => Number(value.toFixed(digits));
    const modulo = (value, base) => ((value % base) + base) % base;

    /** "direction", "spot", "ambient", "custom" or "none". */
    function kindOf(light) {
        if (!light || light.light === "none") return "none";
        return ["spot", "ambient", "custom"].includes(light.light) ? light.light : "direction";
    }

    /** Keep only the fields that the light's kind uses; reset the others to their defaults. */
    function tidy(light) {
        const kind = kindOf(light), kept = [...COMMON, ...USED[kind]].filter((name) => light[name] !== undefined);
        const tidied = {...defaults(), ...Object.fromEntries(kept.map((name) => [name, light[name]]))};
        if (tidied.light !== "angle") tidied.light_angle = defaults().light_angle;
        if (window.relight.light.hexOf(tidied.light_color) === null) tidied.light_color = defaults().light_color;
        return tidied;
    }

    const number = (value) => (value === "" || value === null || !Number.isFinite(Number(value)) ? null : Number(value));

    /** Panel fields -> list of lights; invalid JSON counts as empty. */
    function fromFields(values) {
        const own = {...defaults()};
        for (const name of Object.keys(own)) {
            const given = values[name];
            if (typeof own[name] === "string") own[name] = given || own[name];
            else own[name] = number(given) ?? own[name];
        }
        return [...(own.light === "none" ? [] : [tidy(own)]), ...furtherLights(values.lights)];
    }

    function furtherLights(text) {
        let list = [];
        try {
            list = JSON.parse(text || "[]");
        } catch {
            return [];
        }
        const known = (light) => light && !["none", "custom"].includes(kindOf({light: "none", ...light}));
        return Array.isArray(list) ? list.filter(known).map((light) => tidy({...defaults(), ...light})) : [];
    }

    /** List of lights -> the panel's fields: the first is the panel's own light, the others are the JSON of `lights`. */
    function toFields(lights) {
        const [own, ...others] = lights.length ? lights : [{...defaults()}];
        const changed = (light) => Object.fromEntries(Object.entries(light).filter(([name, value]) => value !== defaults()[name]));
        return {
            ...own, light_start: asText(own.light_start), light_end: asText(own.light_end),
            lights: others.length ? JSON.stringify(others.map(changed)) : "",
        };
    }

    const asText = (value) => (value === null ? "" : String(value));

    /** Position [u, v] of the light's handle; that of a direction is where its ray meets the frame. kind: "fc" or "fbc". */
    function placeOf(light, width, height, kind) {
        if (light.light === "spot") return [light.light_x, light.light_y];
        if (light.light === "ambient") return [0.5, 1 - window.relight.light.lightRange(light, kind)[0] / 255];
        const name = window.relight.light.named(light);
        if (name in NAMED_PLACE) return NAMED_PLACE[name];
        const radians = light.light_angle * Math.PI / 180, x = Math.cos(radians), y = -Math.sin(radians);
        const reach = Math.min(width / Math.max(Math.abs(x), 1e-9), height / Math.max(Math.abs(y), 1e-9)) / 2;
        return [0.5 + x * reach / width, 0.5 + y * reach / height];
    }

    /** Move the light to a position. A direction within `snap` pixels of a side or corner becomes that named light. */
    function moveTo(light, u, v, width, height, snap) {
        if (light.light === "spot") return {...light, light_x: round(clip(u, 0, 1), 2), light_y: round(clip(v, 0, 1), 2)};
        if (light.light === "ambient") return {...light, light_start: Math.round(255 * (1 - clip(v, 0, 1)))};
        const degrees = modulo(Math.round(Math.atan2((0.5 - v) * height, (u - 0.5) * width) * 180 / Math.PI), 360);
        const turned = {...light, light: "angle", light_angle: degrees};
        const [x, y] = placeOf(turned, width, height);
        const near = ([name, [a, b]]) => Math.hypot((x - a) * width, (y - b) * height) <= snap && name;
        const name = Object.entries(NAMED_PLACE).map(near).find(Boolean);
        return name ? named(light, name) : turned;
    }

    const named = (light, name) => ({...light, light: name, light_angle: defaults().light_angle});
    const angleOf = (light) => (light.light === "angle" ? light.light_angle : NAMED_ANGLE[light.light]);

    /** Turn a direction counter-clockwise by degrees; multiples of 45 become the named lights. */
    function turn(light, degrees) {
        const angle = modulo(angleOf(light) + degrees, 360);
        const name = Object.keys(NAMED_ANGLE).find((key) => NAMED_ANGLE[key] === angle);
        return name ? named(light, name) : {...light, light: "angle", light_angle: angle};
    }

    /** Shortest turn in degrees, counter-clockwise, from an angle to an arrow's side; half turns go by the top or the right. */
    function wayTo(angle, dx, dy) {
        const side = dx ? (dx > 0 ? 0 : 180) : dy < 0 ? 90 : 270, way = modulo(side - angle, 360);
        const isBack = way > 180 || (way === 180 && ![0, 270].includes(angle));
        return isBack ? way - 360 : way;
    }

    /** A step by the arrow keys, dx and dy -1, 0 or 1 (y down): directions turn that way, spots move, ambient changes its level. */
    function step(light, dx, dy, fine, kind) {
        if (light.light === "spot") {
            const by = fine ? 0.01 : 0.05;
            return moveTo(light, light.light_x + dx * by, light.light_y + dy * by);
        }
        if (light.light === "ambient") {
            const level = window.relight.light.lightRange(light, kind)[0] + (dx - dy) * (fine ? 1 : 8);
            return {...light, light_start: clip(level, 0, 255)};
        }
        const most = fine ? 1 : 5;
        return turn(light, clip(wayTo(angleOf(light), dx, dy), -most, most));
    }

    /** Description of the light, such as "from above, colour #ffb46b". */
    function words(light, kind) {
        const text = window.relight.text, name = window.relight.light.named(light);
        const camel = name && `from${name.split("-").map((part) => part[0].toUpperCase() + part.slice(1)).join("")}`;
        const percent = (value) => Math.round(value * 100);
        const place = light.light === "custom" ? text("own")
            : light.light === "ambient" ? text("ambientAt", {level: Math.round(window.relight.light.lightRange(light, kind)[0])})
            : light.light === "spot" ? text("spotAt", {
                x: percent(light.light_x), y: percent(light.light_y), radius: percent(light.light_radius)})
            : name ? text(camel) : text("fromAngle", {degrees: light.light_angle});
        const white = window.relight.light.hexOf(light.light_color) === "#ffffff";
        return white ? place : text("ofColor", {words: place, color: light.light_color});
    }

    /** Undo and redo of JSON states. */
    class History {
        constructor(state) {
            this.states = [JSON.stringify(state)];
            this.at = 0;
        }

        push(state) {
            const text = JSON.stringify(state);
            if (text === this.states[this.at]) return;
            this.states = [...this.states.slice(Math.max(0, this.at - 98), this.at + 1), text];
            this.at = this.states.length - 1;
        }

        canMove(by) {
            return this.at + by in this.states;
        }

        move(by) {
            if (this.canMove(by)) this.at += by;
            return JSON.parse(this.states[this.at]);
        }
    }

    return {MAX_LIGHTS, FIRST, History, angleOf, clip, fromFields, kindOf, moveTo, placeOf, round, step, tidy, toFields, words};
})();
