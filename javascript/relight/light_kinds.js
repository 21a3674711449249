/* Kinds of light, the twin of lib_iclight/light_kinds.py. To add a kind, add an entry to KINDS and its texts to zh_CN.json.
   Everything that depends on a light's kind is here: its map, its handle on the pad, its settings and its description.

   label       English text of the kind's button on the pad
   names       values of the field `light` of this kind
   fields      light fields that only this kind uses
   first       values of a new light of this kind
   settings    rows of the pad that have an effect
   levels      default [start, end] grey levels for fc and fbc
   gradient    (light, width, height, start, end) -> Float64Array of grey levels as in the original demos, or null
   distance    (light, width, height) -> ((x, y) -> 0 where the light is brightest, 1 where it has ended), or null for a flat light
   place       (light, width, height, levels) -> [u, v] of the handle, shares of the frame; kinds without a handle have none
   moveTo      (light, u, v, width, height, snap) -> the light moved there
   step        (light, dx, dy, isFine, levels) -> the light after an arrow key, dx and dy -1, 0 or 1 (y down)
   percent     (light, place) -> aria value of the handle, 0..100, or degrees with `isAngle`
   words       (light, levels) -> [English text, values] of the description */

window.relight = window.relight || {};

window.relight.lightKinds = (() => {
    "use strict";

    /** The fields of a light with the schema's defaults. */
    const DEFAULTS = Object.freeze({
        light: "none", light_angle: 0, light_elevation: 0, light_x: 0.5, light_y: 0.5, light_radius: 0.5, light_start: null, light_end: null,
        light_color: "#ffffff", light_gamma: 1, intensity: 1,
    });
    const DEMO_LEVELS = {fc: [255, 0], fbc: [224, 32]}, AMBIENT_LEVELS = {fc: [127, 127], fbc: [64, 64]};
    const SIDE_ANGLE = {right: 0, top: 90, left: 180, bottom: 270};
    const NAMED_ANGLE = {...SIDE_ANGLE, "top-right": 45, "top-left": 135, "bottom-left": 225, "bottom-right": 315};
    const NAMED_PLACE = {
        right: [1, 0.5], top: [0.5, 0], left: [0, 0.5], bottom: [0.5, 1],
        "top-right": [1, 0], "top-left": [0, 0], "bottom-left": [0, 1], "bottom-right": [1, 1],
    };
    const DIRECTIONS = ["left", "right", "top", "bottom", "top-left", "top-right", "bottom-left", "bottom-right"];
    const ALL_SETTINGS = ["color", "kelvin", "intensity", "gamma", "elevation"];
    const WORDS = {
        left: "from the left", right: "from the right", top: "from above", bottom: "from below",
        "top-left": "from the top left corner", "top-right": "from the top right corner",
        "bottom-left": "from the bottom left corner", "bottom-right": "from the bottom right corner",
    };

    const clip = (value, low, high) => Math.min(Math.max(value, low), high);
    const round = (value, digits) => Number(value.toFixed(digits));
    const modulo = (value, base) => ((value % base) + base) % base;

    function linspace(start, stop, count) {
        const step = (stop - start) / (count - 1);
        const values = Float64Array.from({length: count}, (_, i) => (count > 1 ? i * step + start : start));
        if (count > 1) values[count - 1] = stop;
        return values;
    }

    /** One value for each pixel, row by row: value(column, row). */
    function fill(width, height, value) {
        const levels = new Float64Array(width * height);
        for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) levels[i] = value(x, y);
        return levels;
    }

    /* ---- direction: eight named ones, and any angle ---- */

    /** The named direction that a light equals; null for other angles. */
    function directionName(light) {
        if (light.light !== "angle") return light.light;
        return Object.keys(SIDE_ANGLE).find((name) => SIDE_ANGLE[name] === modulo(light.light_angle, 360)) || null;
    }

    function directionGradient(light, width, height, start, end) {
        const name = directionName(light);
        if (name === null) return null;
        if (name === "left" || name === "right") {
            const ramp = name === "left" ? linspace(start, end, width) : linspace(end, start, width);
            return fill(width, height, (x) => ramp[x]);
        }
        if (name === "top" || name === "bottom") {
            const ramp = name === "top" ? linspace(start, end, height) : linspace(end, start, height);
            return fill(width, height, (x, y) => ramp[y]);
        }
        const across = name.endsWith("left") ? linspace(0, 1, width) : linspace(1, 0, width);
        const down = name.startsWith("top") ? linspace(0, 1, height) : linspace(1, 0, height);
        return fill(width, height, (x, y) => start + (end - start) * (Math.sqrt(across[x] ** 2 + down[y] ** 2) / Math.SQRT2));
    }

    function directionDistance(light, width, height) {
        const right = Math.max(width - 1, 1), bottom = Math.max(height - 1, 1), name = directionName(light);
        if (name !== null && name.includes("-")) {
            const fromLeft = name.endsWith("left"), fromTop = name.startsWith("top");
            return (x, y) => {
                const u = fromLeft ? x / right : 1 - x / right, v = fromTop ? y / bottom : 1 - y / bottom;
                return Math.sqrt(u * u + v * v) / Math.SQRT2;
            };
        }
        const radians = (name === null ? light.light_angle : SIDE_ANGLE[name]) * Math.PI / 180;
        const towardX = Math.cos(radians), towardY = -Math.sin(radians);
        const reach = (Math.abs(towardX) * right + Math.abs(towardY) * bottom) / 2;
        return (x, y) => clip(0.5 - ((x - right / 2) * towardX + (y - bottom / 2) * towardY) / (2 * reach), 0, 1);
    }

    /** Where the direction's ray meets the frame. */
    function directionPlace(light, width, height) {
        const name = directionName(light);
        if (name in NAMED_PLACE) return NAMED_PLACE[name];
        const radians = light.light_angle * Math.PI / 180, x = Math.cos(radians), y = -Math.sin(radians);
        const reach = Math.min(width / Math.max(Math.abs(x), 1e-9), height / Math.max(Math.abs(y), 1e-9)) / 2;
        return [0.5 + x * reach / width, 0.5 + y * reach / height];
    }

    const withName = (light, name) => ({...light, light: name, light_angle: 0});
    const angleOf = (light) => NAMED_ANGLE[light.light] ?? light.light_angle;

    /** Turn to a position; within `snap` pixels of a side's middle or a corner the light becomes that named one. */
    function directionMoveTo(light, u, v, width, height, snap) {
        const degrees = modulo(Math.round(Math.atan2((0.5 - v) * height, (u - 0.5) * width) * 180 / Math.PI), 360);
        const turned = {...light, light: "angle", light_angle: degrees}, [x, y] = directionPlace(turned, width, height);
        const near = ([name, [a, b]]) => Math.hypot((x - a) * width, (y - b) * height) <= snap && name;
        const name = Object.entries(NAMED_PLACE).map(near).find(Boolean);
        return name ? withName(light, name) : turned;
    }

    /** Turn counter-clockwise by degrees; multiples of 45 become the named lights. */
    function turn(light, degrees) {
        const angle = modulo(angleOf(light) + degrees, 360);
        const name = Object.keys(NAMED_ANGLE).find((key) => NAMED_ANGLE[key] === angle);
        return name ? withName(light, name) : {...light, light: "angle", light_angle: angle};
    }

    /** Shortest turn in degrees, counter-clockwise, from an angle to an arrow's side; half turns go by the top or the right. */
    function turnTo(angle, dx, dy) {
        const side = dx ? (dx > 0 ? 0 : 180) : dy < 0 ? 90 : 270, way = modulo(side - angle, 360);
        const isBack = way > 180 || (way === 180 && ![0, 270].includes(angle));
        return isBack ? way - 360 : way;
    }

    function directionStep(light, dx, dy, isFine) {
        const most = isFine ? 1 : 5;
        return turn(light, clip(turnTo(angleOf(light), dx, dy), -most, most));
    }

    function directionWords(light) {
        const name = directionName(light);
        return name ? [WORDS[name], {}] : ["from {degrees} degrees", {degrees: light.light_angle}];
    }

    /* ---- spot ---- */

    function spotDistance(light, width, height) {
        const radius = light.light_radius * Math.max(width, height);
        const centreX = light.light_x * Math.max(width - 1, 1), centreY = light.light_y * Math.max(height - 1, 1);
        return (x, y) => {
            const away = Math.sqrt((x - centreX) ** 2 + (y - centreY) ** 2) / radius;
            const near = 1 - Math.min(away, 1);
            return 1 - near * near * (3 - 2 * near);
        };
    }

    const spotMoveTo = (light, u, v) => ({...light, light_x: round(clip(u, 0, 1), 2), light_y: round(clip(v, 0, 1), 2)});

    function spotStep(light, dx, dy, isFine) {
        const by = isFine ? 0.01 : 0.05;
        return spotMoveTo(light, light.light_x + dx * by, light.light_y + dy * by);
    }

    function spotWords(light) {
        const percent = (value) => Math.round(value * 100);
        return ["spot at {x} % across and {y} % down, radius {radius} %",
            {x: percent(light.light_x), y: percent(light.light_y), radius: percent(light.light_radius)}];
    }

    /* ---- ambient ---- */

    const ambientMoveTo = (light, u, v) => ({...light, light_start: Math.round(255 * (1 - clip(v, 0, 1)))});
    const ambientStep = (light, dx, dy, isFine, [level]) => ({
        ...light, light_start: clip(level + (dx - dy) * (isFine ? 1 : 8), 0, 255)});

    const KINDS = {
        none: {label: "None", names: ["none"], fields: [], first: {}, settings: [], levels: DEMO_LEVELS},
        direction: {
            label: "Direction", names: [...DIRECTIONS, "angle"], fields: ["light_angle"], first: {light: "left"},
            settings: ALL_SETTINGS, levels: DEMO_LEVELS, gradient: directionGradient, distance: directionDistance,
            place: directionPlace, moveTo: directionMoveTo, step: directionStep, words: directionWords,
            isAngle: true, percent: angleOf,
        },
        spot: {
            label: "Spot", names: ["spot"], fields: ["light_x", "light_y", "light_radius"], first: {light: "spot"},
            settings: [...ALL_SETTINGS, "radius"], levels: DEMO_LEVELS, gradient: () => null, distance: spotDistance,
            place: (light) => [light.light_x, light.light_y], moveTo: spotMoveTo, step: spotStep, words: spotWords,
            percent: (light, [u]) => Math.round(100 * u),
        },
        ambient: {
            label: "Ambient", names: ["ambient"], fields: [], first: {light: "ambient"}, settings: ["color", "kelvin", "intensity"],
            levels: AMBIENT_LEVELS, distance: () => null,
            gradient: (light, width, height, start) => new Float64Array(width * height).fill(start),
            place: (light, width, height, [level]) => [0.5, 1 - level / 255], moveTo: ambientMoveTo, step: ambientStep,
            words: (light, [level]) => ["ambient, brightness {level}", {level: Math.round(level)}],
            percent: (light, place) => Math.round(100 * place[1]),
        },
        custom: {
            label: "Own map", names: ["custom"], fields: [], first: {light: "custom"}, settings: ["color", "kelvin", "intensity"],
            levels: DEMO_LEVELS, words: () => ["Own map", {}],
        },
    };

    /** Name of the kind that a light belongs to; "none" without a light. */
    function kindName(light) {
        return Object.keys(KINDS).find((name) => KINDS[name].names.includes(light?.light)) || "none";
    }

    const kindOf = (light) => KINDS[kindName(light)];

    return {DEFAULTS, KINDS, DIRECTIONS, WORDS, directionName, angleOf, kindName, kindOf, fill, clip, round};
})();
