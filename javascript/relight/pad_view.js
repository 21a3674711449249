/* Light pad view: creates its elements and draws the light map and the subject. Holds no state of its own. */

window.relight = window.relight || {};

window.relight.padView = (() => {
    "use strict";

    const MAP_SIZE = 128;
    const ICONS = {
        undo: "M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6", redo: "m15 7 5 5-5 5M20 12H10a6 6 0 0 0-6 6",
        reset: "M4 4v6h6M5 15a8 8 0 1 0 1-8l-2 3", remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13", add: "M12 5v14M5 12h14",
    };

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

    function iconButton(name, label) {
        const button = make("button", {type: "button", className: "relight-pad-icon", title: label, "aria-label": label});
        button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
        button.dataset.action = name;
        return button;
    }

    /** A labelled range input; its <output> shows the value. */
    function range(tab, name, low, high, step) {
        const text = window.relight.text, id = `relight_pad_${tab}_${name}`;
        const input = make("input", {type: "range", min: low, max: high, step, id, title: text(`${name}Help`)});
        const output = make("output", {htmlFor: id});
        const row = make("div", {className: "relight-pad-setting"}, make("label", {htmlFor: id}, text(name)), output, input);
        row.dataset.setting = name;
        return {row, input, output};
    }

    /** Gradient of the colours that the temperature slider sets. */
    function temperatures(tab) {
        const made = range(tab, "kelvin", 1500, 15000, 100);
        const colors = Array.from({length: 10}, (_, i) => window.relight.light.kelvinToColor(1500 * (i + 1)));
        made.input.style.setProperty("--relight-track", `linear-gradient(to right, ${colors})`);
        return made;
    }

    function colorField(tab) {
        const text = window.relight.text, id = `relight_pad_${tab}_color`;
        const input = make("input", {type: "color", id, title: text("colorHelp")}), output = make("output", {htmlFor: id});
        const row = make("div", {className: "relight-pad-setting"}, make("label", {htmlFor: id}, text("color")), output, input);
        row.dataset.setting = "color";
        return {row, input, output};
    }

    function kindField(tab) {
        const group = make("div", {className: "relight-pad-kinds", role: "radiogroup", "aria-label": window.relight.text("kind")});
        const inputs = {};
        for (const [name, {label}] of Object.entries(window.relight.lightKinds.KINDS)) {
            inputs[name] = make("input", {type: "radio", name: `relight_pad_${tab}_kind`, value: name});
            group.append(make("label", {}, inputs[name], make("span", {}, window.relight.fillText(label))));
        }
        return {group, inputs};
    }

    function stageOf(view) {
        view.canvas = make("canvas", {"aria-hidden": "true"});
        view.grip = make("div", {className: "relight-pad-grip", title: window.relight.text("radius")});
        view.ring = make("div", {className: "relight-pad-ring", "aria-hidden": "true"}, view.grip);
        view.handles = make("div", {className: "relight-pad-handles", role: "group"});
        view.frame = make("div", {className: "relight-pad-frame"}, view.canvas, view.ring, view.handles);
        view.hint = make("p", {className: "relight-pad-hint"});
        view.stage = make("div", {className: "relight-pad-stage"}, view.frame, view.hint);
    }

    /** Build the pad inside its container; returns its elements by name. */
    function build(root, tab) {
        const text = window.relight.text, view = {root};
        stageOf(view);
        view.handles.setAttribute("aria-label", text("pad"));
        view.kinds = kindField(tab);
        view.buttons = Object.fromEntries(["undo", "redo", "reset", "remove", "add"].map((name) => [name, iconButton(name, text(name))]));
        view.chips = make("div", {className: "relight-pad-chips", role: "group", "aria-label": text("lights")});
        view.mapOnly = make("input", {type: "checkbox"});
        view.cutOut = make("input", {type: "checkbox"});
        view.settings = {
            color: colorField(tab), kelvin: temperatures(tab), intensity: range(tab, "intensity", 0, 2, 0.05), start: range(tab, "start", 0, 255, 1),
            end: range(tab, "end", 0, 255, 1), gamma: range(tab, "gamma", -1, 1, 0.02), radius: range(tab, "radius", 0.01, 2, 0.01),
        };
        view.words = make("output", {className: "relight-pad-words"});
        const {undo, redo, reset, remove, add} = view.buttons;
        const grid = make("div", {className: "relight-pad-settings"}, ...Object.values(view.settings).map(({row}) => row));
        const inside = make("div", {className: "relight-pad-inside"},
            view.stage,
            view.words,
            make("div", {className: "relight-pad-lights"}, view.chips, add),
            make("div", {className: "relight-pad-bar"}, undo, redo, reset, remove),
            view.kinds.group,
            grid,
            make("div", {className: "relight-pad-bar"},
                make("label", {className: "relight-pad-check"}, view.cutOut, text("cutOut")),
                make("label", {className: "relight-pad-check"}, view.mapOnly, text("mapOnly"))),
            make("p", {className: "relight-help"}, text("padHelp")));
        root.replaceChildren(inside);
        return view;
    }

    function tint(element, light) {
        const color = window.relight.light.hexOf(light.light_color);
        const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
        element.style.setProperty("--relight-color", color);
        element.style.setProperty("--relight-ink", 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#1c1917" : "#ffffff");
    }

    /** Set an element's text in its existing text node: hosts run all their callbacks when nodes are added or removed. */
    function say(element, words) {
        const text = String(words);
        if (!element.firstChild) element.append(text);
        else if (element.firstChild.data !== text) element.firstChild.data = text;
    }

    /** Keep one child per light and reuse existing ones, so that focus is kept. */
    function keepChildren(box, count, create) {
        while (box.children.length > count) box.lastElementChild.remove();
        while (box.children.length < count) box.append(create(box.children.length));
    }

    function drawHandles(view, state) {
        const model = window.relight.padModel, text = window.relight.text;
        const withHandle = state.lights.filter((light) => model.kindOf(light).place);
        keepChildren(view.handles, withHandle.length ? state.lights.length : 0, () => make("div", {
            className: "relight-pad-handle", tabIndex: 0, role: "slider", "aria-valuemin": 0, "aria-description": text("keys")}));
        [...view.handles.children].forEach((handle, i) => {
            const light = state.lights[i], kind = model.kindOf(light);
            const place = model.placeOf(light, state.width, state.height, state.kind);
            handle.hidden = place === null;
            if (place === null) return;
            handle.style.left = `${place[0] * 100}%`;
            handle.style.top = `${place[1] * 100}%`;
            tint(handle, light);
            say(handle, state.lights.length > 1 ? i + 1 : "");
            handle.classList.toggle("selected", i === state.selected);
            handle.dataset.index = i;
            handle.setAttribute("aria-label", text("light", {number: i + 1}));
            handle.setAttribute("aria-valuemax", kind.isAngle ? 359 : 100);
            handle.setAttribute("aria-valuenow", kind.percent(light, place));
            handle.setAttribute("aria-valuetext", model.words(light, state.kind));
        });
    }

    function drawRing(view, state) {
        const light = state.lights[state.selected], hasRadius = window.relight.lightKinds.kindOf(light).settings.includes("radius");
        view.ring.hidden = !hasRadius;
        if (!hasRadius) return;
        const diameter = 2 * light.light_radius * Math.max(state.width, state.height) / state.width;
        view.ring.style.width = `${diameter * 100}%`;
        view.ring.style.left = `${light.light_x * 100}%`;
        view.ring.style.top = `${light.light_y * 100}%`;
        const reach = light.light_radius * Math.max(state.width, state.height);
        const toward = light.light_x < 0.5 ? 1 : -1, room = (toward > 0 ? 1 - light.light_x : light.light_x) * state.width;
        const cosine = Math.min(1, room / reach), down = light.light_y < 0.5 ? 1 : -1;
        view.grip.style.left = `${50 + 50 * toward * cosine}%`;
        view.grip.style.top = `${50 + 50 * down * Math.sqrt(1 - cosine * cosine)}%`;
    }

    function drawChips(view, state) {
        keepChildren(view.chips, state.lights.length, () => make("button", {type: "button", className: "relight-pad-chip"}));
        [...view.chips.children].forEach((chip, i) => {
            const light = state.lights[i];
            say(chip, i + 1);
            tint(chip, light);
            chip.dataset.index = i;
            chip.setAttribute("aria-pressed", String(i === state.selected));
            chip.title = `${window.relight.text("light", {number: i + 1})}: ${window.relight.padModel.words(light, state.kind)}`;
            chip.setAttribute("aria-label", chip.title);
        });
    }

    function setRow({row, input, output}, value, words, disabled) {
        if (String(input.value) !== String(value)) input.value = value;
        say(output, words);
        input.disabled = disabled;
        row.classList.toggle("relight-pad-off", disabled);
        if (input.type === "range") input.setAttribute("aria-valuetext", words);
    }

    function drawSettings(view, state) {
        const {lightRange, hexOf, colorToKelvin, DEFAULTS} = window.relight.light, text = window.relight.text;
        const light = state.lights[state.selected], off = !light, shown = light || DEFAULTS, set = view.settings;
        const {settings} = window.relight.lightKinds.kindOf(light), [start, end] = lightRange(shown, state.kind);
        const isOff = (name) => off || !settings.includes(name);
        const kelvin = colorToKelvin(shown.light_color);
        const level = (value, own) => (own === null ? text("ownRange", {value}) : String(Math.round(value)));
        setRow(set.color, hexOf(shown.light_color), shown.light_color, off);
        setRow(set.kelvin, kelvin ?? set.kelvin.input.value, kelvin ? `${kelvin} K` : text("kelvinNone"), off);
        setRow(set.intensity, shown.intensity, `${Math.round(shown.intensity * 100)} %`, isOff("intensity"));
        setRow(set.radius, shown.light_radius, `${Math.round(shown.light_radius * 100)} %`, isOff("radius"));
        setRow(set.gamma, window.relight.padModel.round(-Math.log10(shown.light_gamma), 2), shown.light_gamma.toFixed(2),
            isOff("gamma"));
        setRow(set.start, start, level(start, shown.light_start), isOff("start"));
        setRow(set.end, end, level(end, shown.light_end), isOff("end"));
    }

    /** Draw everything except the canvas; keeps keyboard focus when a light is removed. state: lights, selected, kind, width, height, note, canUndo, canRedo. */
    function draw(view, state) {
        const {kindName, words, MAX_LIGHTS} = window.relight.padModel, text = window.relight.text;
        const light = state.lights[state.selected], kind = kindName(light);
        const hadFocus = view.handles.contains(document.activeElement);
        drawHandles(view, state);
        if (hadFocus && !view.handles.contains(document.activeElement)) {
            (view.handles.children[state.selected] || view.buttons.add).focus({preventScroll: true});
        }
        drawRing(view, state);
        drawChips(view, state);
        drawSettings(view, state);
        for (const [name, input] of Object.entries(view.kinds.inputs)) {
            input.checked = name === kind;
            input.disabled = (name === "custom" && state.selected > 0) || (name === "none" && state.lights.length > 1);
        }
        view.buttons.undo.disabled = !state.canUndo;
        view.buttons.redo.disabled = !state.canRedo;
        view.buttons.reset.disabled = view.buttons.remove.disabled = !light;
        view.buttons.add.disabled = state.lights.length >= MAX_LIGHTS;
        say(view.hint, state.note || (!light ? text("empty") : kind === "custom" ? text("custom") : ""));
        say(view.words, light ? `${text("light", {number: state.selected + 1})}: ${words(light, state.kind)}` : "");
    }

    /** The light map at MAP_SIZE as a canvas, or null without a light. cachedPlane(key, make) returns a light's plane. */
    function mapCanvas(state, customImage, cachedPlane) {
        const {subject, light} = window.relight, scale = MAP_SIZE / Math.max(state.width, state.height);
        const width = Math.max(1, Math.round(state.width * scale)), height = Math.max(1, Math.round(state.height * scale));
        const needsCustom = state.lights.some((entry) => entry.light === "custom") && customImage;
        const custom = needsCustom ? subject.pixels(customImage, width, height, state.frame) : null;
        const pixels = light.render(state.lights, state.kind, width, height, custom, (entry) => {
            const make = () => light.linearPlanes(entry, state.kind, width, height, custom);
            return entry.light === "custom" ? make() : cachedPlane(`${JSON.stringify({...entry, light_color: 0})} ${width} ${height} ${state.kind}`, make);
        });
        if (!pixels) return null;
        const canvas = subject.canvas(width, height);
        canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
        return canvas;
    }

    /** Paint the light map and on it the lit subject. subject: {picture, cut} of the canvas' size, or null. */
    function paint(view, map, subject) {
        const context = view.canvas.getContext("2d"), {width, height} = view.canvas;
        context.clearRect(0, 0, width, height);
        if (map) context.drawImage(map, 0, 0, width, height);
        if (!subject || (map && view.mapOnly.checked)) return;
        context.drawImage(map ? lit(view, map, subject) : subject.picture, 0, 0);
    }

    /** The subject multiplied by the map, at 80 % so that it stays visible. */
    function lit(view, map, {picture, cut}) {
        const {width, height} = picture, layer = view.layer ??= window.relight.subject.canvas(width, height);
        if (layer.width !== width || layer.height !== height) Object.assign(layer, {width, height});
        const context = layer.getContext("2d");
        const add = (operation, image, alpha = 1) => {
            context.globalCompositeOperation = operation;
            context.globalAlpha = alpha;
            context.drawImage(image, 0, 0, width, height);
        };
        add("copy", picture);
        add("multiply", map, 0.8);
        if (cut) add("destination-in", picture);
        return layer;
    }

    return {build, draw, mapCanvas, paint};
})();
