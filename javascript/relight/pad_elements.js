/* Creates the light pad's elements. */

window.relight = window.relight || {};

window.relight.padElements = (() => {
    "use strict";

    const ARROW = "M12 20V5M6 11l6-6 6 6";
    const ICONS = {
        reset: "M4 4v6h6M5 15a8 8 0 1 0 1-8l-2 3", remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13", add: "M12 5v14M5 12h14",
        cutOut: "M12 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8M4 21c0-5 3-8 8-8s8 3 8 8M4 4h2M4 8h2", mapOnly: "M4 4h16v16H4zM4 20 20 4M4 14 14 4M10 20 20 10",
        move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
        none: "M5 5l14 14M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18",
    };
    const TURNS = {top: 0, "top-right": 45, right: 90, "bottom-right": 135, bottom: 180, "bottom-left": 225, left: 270, "top-left": 315};
    const COMPASS = ["top-left", "top", "top-right", "left", "right", "bottom-left", "bottom", "bottom-right"];

    /** Create an element with properties, data- and aria- attributes, and children. */
    function make(tag, properties = {}, ...children) {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(properties)) {
            if (name in element && name !== "role" && name !== "list") element[name] = value;
            else element.setAttribute(name, value);
        }
        element.append(...children);
        return element;
    }

    function icon(path, degrees = 0) {
        const holder = make("span", {"aria-hidden": "true", className: "relight-pad-symbol"});
        holder.innerHTML = `<svg viewBox="0 0 24 24"><path d="${path}" transform="rotate(${degrees} 12 12)"/></svg>`;
        return holder;
    }

    function iconButton(name, label) {
        const button = make("button", {type: "button", className: "relight-pad-icon", title: label, "aria-label": label}, icon(ICONS[name]));
        button.dataset.action = name;
        return button;
    }

    /** A checkbox that looks like the icon buttons. */
    function toggle(name) {
        const label = window.relight.text(name), input = make("input", {type: "checkbox", "aria-label": label});
        return {input, label: make("label", {className: "relight-pad-icon relight-pad-check", title: label}, input, icon(ICONS[name]))};
    }

    function settingRow(tab, name, properties) {
        const text = window.relight.text, id = `relight_pad_${tab}_${name}`;
        const input = make("input", {id, title: text(`${name}Help`), ...properties}), output = make("output", {htmlFor: id});
        const row = make("div", {className: "relight-pad-setting"}, make("label", {htmlFor: id}, text(name)), output, input);
        row.dataset.setting = name;
        return {row, input, output};
    }

    const range = (tab, name, min, max, step) => settingRow(tab, name, {type: "range", min, max, step});

    /** Gradient of the colours that the temperature slider sets. */
    function temperatures(tab) {
        const made = range(tab, "kelvin", 1500, 15000, 100);
        const colors = Array.from({length: 10}, (_, i) => window.relight.light.kelvinToColor(1500 * (i + 1)));
        made.input.style.setProperty("--relight-track", `linear-gradient(to right, ${colors})`);
        return made;
    }

    /** One group of radios: no light, the eight directions as arrows, and the other kinds. */
    function kindField(tab) {
        const {KINDS, WORDS} = window.relight.lightKinds, {fillText} = window.relight, inputs = {};
        const group = make("div", {className: "relight-pad-kinds", role: "radiogroup", "aria-label": window.relight.text("kind")});
        const add = (box, value, label, content) => {
            inputs[value] = make("input", {type: "radio", name: `relight_pad_${tab}_kind`, value, "aria-label": label});
            box.append(make("label", {title: label}, inputs[value], make("span", {}, content)));
        };
        for (const [name, {label}] of Object.entries(KINDS)) {
            if (name !== "direction") {
                add(group, name, fillText(label), fillText(label));
                continue;
            }
            const arrows = make("div", {className: "relight-pad-arrows"});
            for (const direction of COMPASS) add(arrows, direction, fillText(WORDS[direction]), icon(ARROW, TURNS[direction]));
            group.append(arrows);
        }
        return {group, inputs};
    }

    /** A menu for a field of the panel; entries: [words, value] of each. */
    function menu(tab, name, entries) {
        const id = `relight_pad_${tab}_${name}`, select = make("select", {id, title: window.relight.text(`${name}MenuHelp`)});
        for (const [words, value] of entries) select.add(new Option(window.relight.fillText(words), value));
        const row = make("div", {className: "relight-pad-menu"}, make("label", {htmlFor: id}, window.relight.text(`${name}Menu`)), select);
        row.dataset.menu = name;
        return {row, select};
    }

    /** The outline of a subject that can be moved, the handle that moves it, and the one that scales it. */
    function subjectOf(view, tab) {
        const {text} = window.relight, keys = make("span", {id: `relight_pad_${tab}_place_keys`, hidden: true}, text("placeKeys"));
        view.outline = make("div", {className: "relight-pad-outline", "aria-hidden": "true"});
        view.mover = make("div", {
            className: "relight-pad-grip relight-pad-mover", tabIndex: 0, role: "slider", title: text("placeHelp"), "aria-label": text("place"),
            "aria-valuemin": -100, "aria-valuemax": 200, "aria-describedby": keys.id}, icon(ICONS.move));
        view.scaler = make("div", {className: "relight-pad-grip", title: text("scaleHelp"), "aria-hidden": "true"});
        Object.assign(view.mover.dataset, {moves: "place"});
        Object.assign(view.scaler.dataset, {moves: "scale"});
        view.subject = make("div", {className: "relight-pad-subject", hidden: true}, view.outline, view.mover, view.scaler, keys);
        return view.subject;
    }

    function stageOf(view, tab) {
        view.canvas = make("canvas", {"aria-hidden": "true"});
        view.grip = make("div", {className: "relight-pad-grip", title: window.relight.text("radius")});
        view.ring = make("div", {className: "relight-pad-ring", "aria-hidden": "true"}, view.grip);
        view.tiltGrip = make("div", {className: "relight-pad-grip relight-pad-tilt-grip", title: window.relight.text("elevationHelp")});
        view.tilt = make("div", {className: "relight-pad-tilt", "aria-hidden": "true"}, view.tiltGrip);
        view.handles = make("div", {className: "relight-pad-handles", role: "group", "aria-label": window.relight.text("pad")});
        view.keys = make("span", {id: `relight_pad_${tab}_keys`, hidden: true}, window.relight.text("keys"));
        view.frame = make("div", {className: "relight-pad-frame"}, view.canvas, view.ring, view.tilt, subjectOf(view, tab), view.handles, view.keys);
        view.hint = make("p", {className: "relight-pad-hint"});
        view.stage = make("div", {className: "relight-pad-stage"}, view.frame, view.hint);
    }

    /** The row below the stage: lights, the chosen one's description, what the pad shows, and the buttons. */
    function barOf(view) {
        const text = window.relight.text, cutOut = toggle("cutOut"), mapOnly = toggle("mapOnly");
        view.buttons = Object.fromEntries(["add", "remove", "reset"].map((name) => [name, iconButton(name, text(name))]));
        view.chips = make("div", {className: "relight-pad-chips", role: "group", "aria-label": text("lights")});
        view.words = make("output", {className: "relight-pad-words"});
        Object.assign(view, {cutOut: cutOut.input, mapOnly: mapOnly.input});
        const {add, remove, reset} = view.buttons;
        remove.hidden = reset.hidden = view.chips.hidden = true;  // as without a light, until the fields are read
        return make("div", {className: "relight-pad-bar"},
            make("div", {className: "relight-pad-lights"}, view.chips, add), view.words,
            make("div", {className: "relight-pad-tools"}, remove, reset, cutOut.label, mapOnly.label));
    }

    /** Build the pad inside its container; returns its elements by name. */
    function build(root, tab) {
        const view = {root};
        stageOf(view, tab);
        view.kinds = kindField(tab);
        view.settings = {
            color: settingRow(tab, "color", {type: "color"}), kelvin: temperatures(tab), intensity: range(tab, "intensity", 0, 2, 0.05),
            gamma: range(tab, "gamma", -1, 1, 0.02), radius: range(tab, "radius", 0.01, 2, 0.01),
        };
        view.grid = make("div", {className: "relight-pad-settings", hidden: true}, ...Object.values(view.settings).map(({row}) => row));
        view.menus = Object.fromEntries(Object.entries(JSON.parse(root.dataset.menus)).map(([name, entries]) => [name, menu(tab, name, entries)]));
        root.replaceChildren(make("div", {className: "relight-pad-inside"}, view.stage, barOf(view), view.kinds.group, view.grid,
            make("div", {className: "relight-pad-menus"}, ...Object.values(view.menus).map(({row}) => row))));
        return view;
    }

    return {build, make};
})();
