/* Light pad view: draws lights, settings, the light map and the subject into the pad's elements. Holds no state of its own. */

window.relight = window.relight || {};

window.relight.padView = (() => {
    "use strict";

    const MAP_SIZE = 128;
    const {make} = window.relight.padElements;

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
            className: "relight-pad-handle", tabIndex: 0, role: "slider", "aria-valuemin": 0, "aria-describedby": view.keys.id}));
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
        const place = hasRadius ? window.relight.padModel.placeOf(light, state.width, state.height, state.kind) : null;
        view.ring.hidden = place === null;
        if (place === null) return;
        const [u, v] = place;
        const diameter = 2 * light.light_radius * Math.max(state.width, state.height) / state.width;
        view.ring.style.width = `${diameter * 100}%`;
        view.ring.style.left = `${u * 100}%`;
        view.ring.style.top = `${v * 100}%`;
        const reach = light.light_radius * Math.max(state.width, state.height);
        const toward = u < 0.5 ? 1 : -1, room = (toward > 0 ? 1 - u : u) * state.width;
        const cosine = Math.min(1, room / reach), down = v < 0.5 ? 1 : -1;
        view.grip.style.left = `${50 + 50 * toward * cosine}%`;
        view.grip.style.top = `${50 + 50 * down * Math.sqrt(1 - cosine * cosine)}%`;
    }

    /** Second handle of the chosen light: its elevation on an upright track, 90 degrees at the top. */
    function drawTilt(view, state) {
        const light = state.lights[state.selected];
        view.tilt.hidden = !window.relight.lightKinds.kindOf(light).settings.includes("elevation");
        if (view.tilt.hidden) return;
        view.tiltGrip.style.top = `${50 - light.light_elevation / 1.8}%`;
        say(view.tiltGrip, `${Math.round(light.light_elevation)}°`);
    }

    /** The subject's outline and its handles, which stay inside of the frame and beside the lights' usual places. */
    function drawSubject(view, {spot}) {
        const hadFocus = view.mover === document.activeElement, {clip} = window.relight.padModel;
        view.subject.hidden = !spot;
        if (hadFocus && !spot) view.buttons.add.focus({preventScroll: true});
        if (!spot) return;
        const {box: [left, top, right, bottom], place} = spot, put = (element, values) => {
            for (const [name, share] of Object.entries(values)) element.style[name] = `${share * 100}%`;
        };
        const x = clip(left, 0.14, 0.64), y = clip(top, 0.14, 0.72);
        put(view.outline, {left, top, width: right - left, height: bottom - top});
        put(view.mover, {left: x, top: y});
        put(view.scaler, {left: clip(right, x + 0.14, 0.78), top: clip(bottom, y + 0.14, 0.86)});
        const [across, down, scale] = [place.x, place.y, place.scale].map((share) => Math.round(100 * share));
        view.mover.setAttribute("aria-valuenow", across);
        view.mover.setAttribute("aria-valuetext", window.relight.text("placeWords", {across, down, scale}));
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

    /** Show a setting, or hide the row of one that the light does not have. */
    function setRow({row, input, output}, isUsed, value, words) {
        row.hidden = !isUsed;
        if (String(input.value) !== String(value)) input.value = value;
        say(output, words);
        if (input.type === "range") input.setAttribute("aria-valuetext", words);
    }

    function drawSettings(view, state) {
        const {hexOf, colorToKelvin} = window.relight.light, {DEFAULTS, kindOf} = window.relight.lightKinds, text = window.relight.text;
        const light = state.lights[state.selected], shown = light || DEFAULTS, set = view.settings;
        const {settings} = kindOf(light), has = (name) => !!light && settings.includes(name);
        const kelvin = colorToKelvin(shown.light_color), percent = (value) => `${Math.round(value * 100)} %`;
        view.grid.hidden = !light;
        setRow(set.color, has("color"), hexOf(shown.light_color), shown.light_color);
        setRow(set.kelvin, has("kelvin"), kelvin ?? set.kelvin.input.value, kelvin ? `${kelvin} K` : text("kelvinNone"));
        setRow(set.intensity, has("intensity"), shown.intensity, percent(shown.intensity));
        setRow(set.radius, has("radius"), shown.light_radius, percent(shown.light_radius));
        setRow(set.gamma, has("gamma"), window.relight.padModel.round(-Math.log10(shown.light_gamma), 2), shown.light_gamma.toFixed(2));
    }

    /** Check the radio of the light's kind or direction; other angles have none. */
    function drawKinds(view, state) {
        const light = state.lights[state.selected], kind = window.relight.padModel.kindName(light);
        const checked = kind === "direction" ? window.relight.lightKinds.directionName(light) : kind;
        for (const [name, input] of Object.entries(view.kinds.inputs)) {
            input.checked = name === checked;
            input.disabled = (name === "custom" && state.selected > 0) || (name === "none" && state.lights.length > 1);
        }
    }

    /** Menus of fields; a value that is no entry, such as a file that is gone, becomes one. */
    function drawMenus(view, values) {
        for (const [name, {select}] of Object.entries(view.menus)) {
            const value = values?.[name] ?? "";
            if (value && ![...select.options].some((option) => option.value === value)) select.add(new Option(value, value));
            if (select.value !== value) select.value = value;
        }
    }

    /** Draw everything except the canvas; keeps keyboard focus when a light is removed. state: lights, selected, spot, kind, width, height, note, values. */
    function draw(view, state) {
        const {kindName, words, MAX_LIGHTS} = window.relight.padModel, text = window.relight.text;
        const light = state.lights[state.selected], kind = kindName(light);
        const hadFocus = view.handles.contains(document.activeElement);
        drawHandles(view, state);
        if (hadFocus && !view.handles.contains(document.activeElement)) {
            (view.handles.children[state.selected] || view.buttons.add).focus({preventScroll: true});
        }
        drawRing(view, state);
        drawTilt(view, state);
        drawSubject(view, state);
        drawChips(view, state);
        drawSettings(view, state);
        drawKinds(view, state);
        drawMenus(view, state.values);
        view.chips.hidden = state.lights.length < 2;
        view.buttons.reset.hidden = view.buttons.remove.hidden = !light;
        view.buttons.add.disabled = state.lights.length >= MAX_LIGHTS;
        say(view.hint, state.note || (!light ? text("empty") : kind === "custom" ? text("custom") : ""));
        say(view.words, light ? `${text("light", {number: state.selected + 1})}: ${words(light, state.kind)}` : "");
    }

    /** [width, height] of the light map that the pad computes: MAP_SIZE on the longer side. */
    const mapSize = ({width, height}) => [width, height].map((side) => Math.max(1, Math.round(side * MAP_SIZE / Math.max(width, height))));

    /** The light map at mapSize as a canvas, or null without a light. surface: of the subject at that size, or null.
        cachedPlane(key, make) returns a light's plane. */
    function mapCanvas(state, customImage, surface, cachedPlane) {
        const {subject, light} = window.relight, [width, height] = mapSize(state);
        const needsCustom = state.lights.some((entry) => entry.light === "custom") && customImage;
        const custom = needsCustom ? subject.pixels(customImage, width, height, state.frame) : null;
        const pixels = light.render(state.lights, state.kind, width, height, custom, (entry) => {
            const make = () => light.linearPlanes(entry, state.kind, width, height, custom, surface), key = JSON.stringify({...entry, light_color: 0});
            return entry.light === "custom" ? make() : cachedPlane(`${key} ${width} ${height} ${state.kind} ${surface?.id}`, make);
        });
        if (!pixels) return null;
        const canvas = subject.canvas(width, height);
        canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
        return canvas;
    }

    /** Paint the light map, or the new background lit by it, and on it the lit subject. subject: {image, cut} of the canvas' size,
        or null; background: a canvas of that size, or null. */
    function paint(view, map, subject, background) {
        const context = view.canvas.getContext("2d"), {width, height} = view.canvas, isMapOnly = map && view.mapOnly.checked;
        context.clearRect(0, 0, width, height);
        if (map) context.drawImage(map, 0, 0, width, height);
        if (isMapOnly) return;
        if (background) context.drawImage(map ? lit(view, map, {image: background}) : background, 0, 0);
        if (subject) context.drawImage(map ? lit(view, map, subject) : subject.image, 0, 0);
    }

    /** The subject multiplied by the map, at 80 % so that it stays visible. */
    function lit(view, map, {image, cut}) {
        const {width, height} = image, layer = view.layer ??= window.relight.subject.canvas(width, height);
        if (layer.width !== width || layer.height !== height) Object.assign(layer, {width, height});
        const context = layer.getContext("2d");
        const add = (operation, image, alpha = 1) => {
            context.globalCompositeOperation = operation;
            context.globalAlpha = alpha;
            context.drawImage(image, 0, 0, width, height);
        };
        add("copy", image);
        add("multiply", map, 0.8);
        if (cut) add("destination-in", image);
        return layer;
    }

    return {draw, mapCanvas, mapSize, paint};
})();
