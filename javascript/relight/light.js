/* Light maps in the browser: the formulas of lib_iclight, equal to Python within one level of 255.
   Pure functions without a page. A light is an object with the fields of the API: light, light_angle, light_x, ... */

window.relight = window.relight || {};

window.relight.light = (() => {
    "use strict";

    const {DEFAULTS, kindOf, fill, clip} = window.relight.lightKinds;
    const {hasDepth, shading, surround, surfaceShare} = window.relight.depth;
    const COOLEST = 1500, HOTTEST = 15000;

    /** Missing fields take the schema's defaults. */
    const complete = (light) => ({...DEFAULTS, ...light});

    /** [start, end] grey levels 0..255: as set, else the defaults of the model kind ("fbc"; anything else is fc). */
    function lightRange(light, kind) {
        const family = kind === "fbc" ? "fbc" : "fc";
        const [start, end] = kindOf(light).levels[family];
        return [light.light_start ?? start, light.light_end ?? end];
    }

    const toLinear = (encoded) => (encoded <= 0.04045 ? encoded / 12.92 : ((encoded + 0.055) / 1.055) ** 2.4);

    /** Truncate as the original does, after adding 0.001 so that the sRGB round trip loses no level. */
    const toByte = (level) => Math.floor(clip(level, 0, 255) + 1e-3);

    /** LEVELS[n]: smallest linear value whose byte is n. GUESS[i]: a byte at or just below that of i / 4096. */
    const LEVELS = Float64Array.from({length: 257}, (_, n) => (n ? toLinear((n - 1e-3) / 255) : -1)).fill(Infinity, 256);
    const GUESS = new Uint8Array(4097);
    for (let i = 0, byte = 0; i < GUESS.length; i++) {
        while (LEVELS[byte + 1] <= i / 4096) byte++;
        GUESS[i] = byte;
    }

    /** Linear 0..1 -> sRGB byte, truncated like toByte, by table lookup instead of a power per pixel. */
    function linearToByte(linear) {
        let byte = GUESS[Math.floor(clip(linear, 0, 1) * 4096)];
        while (linear >= LEVELS[byte + 1]) byte++;
        return byte;
    }

    /** The kelvin of a temperature such as "2700K", or null. */
    function kelvinOf(text) {
        const lamp = /^(\d+(?:\.\d+)?) ?k$/i.exec(text), kelvin = lamp && Number(lamp[1]);
        return lamp && kelvin >= COOLEST && kelvin <= HOTTEST ? kelvin : null;
    }

    /** A light's colour, "#rrggbb" or a temperature, as "#rrggbb"; null for any other text. */
    function hexOf(text) {
        const kelvin = kelvinOf(text);
        if (kelvin !== null) return kelvinToColor(kelvin);
        return /^#[0-9a-f]{6}$/i.test(text) ? text.toLowerCase() : null;
    }

    /** A light's colour -> [r, g, b], 0..255. */
    const parseColor = (text) => [1, 3, 5].map((i) => parseInt(hexOf(text).slice(i, i + 2), 16));

    /** Float64Array of width * height, 0..255: end + (start - end) * (1 - distance) ** gamma. */
    function greyLevels(light, kind, width, height) {
        const [start, end] = lightRange(light, kind), flat = kindOf(light).distance(light, width, height), gamma = light.light_gamma;
        const away = hasDepth(light) ? surround(light, flat, width, height) : flat;
        if (away === null) return new Float64Array(width * height).fill(start);
        if (gamma === 1) return fill(width, height, (x, y) => end + (start - end) * (1 - away(x, y)));
        return fill(width, height, (x, y) => end + (start - end) * (1 - away(x, y)) ** gamma);
    }

    /** Linear value of the side away from the light; 0 for a light without one. */
    function shadowLevel(light, kind, width, height) {
        const hasShadow = kindOf(light).distance?.(light, width, height);
        return hasShadow ? toLinear(lightRange(light, kind)[1] / 255) : 0;
    }

    /** The light in linear values with its intensity and without its colour: one plane, or three for a custom map. surface: what a
        light with an elevation shades, or null. */
    function linearPlanes(light, kind, width, height, custom, surface = null) {
        const planes = light.light === "custom"
            ? [0, 1, 2].map((channel) => Float64Array.from({length: width * height}, (_, i) => custom[4 * i + channel]))
            : [greyLevels(light, kind, width, height)];
        const {intensity} = light, shadow = shadowLevel(light, kind, width, height);
        for (const plane of planes) {
            for (let i = 0; i < plane.length; i++) plane[i] = toLinear(plane[i] / 255);
            if (surface && hasDepth(light)) shade(plane, light, kind, surface, shadow, width, height);
            if (intensity !== 1) for (let i = 0; i < plane.length; i++) plane[i] = Math.max(0, shadow + intensity * (plane[i] - shadow));
        }
        return planes;
    }

    /** Replace the flat light by the surface's shading, where the subject is. */
    function shade(plane, light, kind, surface, shadow, width, height) {
        const shadeAt = shading(light, surface, width, height), share = surfaceShare(light), full = toLinear(lightRange(light, kind)[0] / 255);
        for (let y = 0, i = 0; y < height; y++) {
            for (let x = 0; x < width; x++, i++) {
                const lit = shadow + (full - shadow) * shadeAt(x, y);
                plane[i] += (lit - plane[i]) * surface.matte[i] * share;
            }
        }
    }

    function greyImage(levels, byte) {
        const pixels = new Uint8ClampedArray(4 * levels.length);
        for (let i = 0; i < levels.length; i++) {
            const level = byte(levels[i]);
            pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = level;
            pixels[4 * i + 3] = 255;
        }
        return pixels;
    }

    /** Sum of the lights in linear light, clipped at white. planesOf(light): linearPlanes, possibly cached. */
    function addLights(lights, planesOf, count) {
        const pixels = new Uint8ClampedArray(4 * count).fill(255), sum = new Float64Array(count);
        const parts = lights.map((light) => ({planes: planesOf(light), color: parseColor(light.light_color)}));
        for (let channel = 0; channel < 3; channel++) {
            sum.fill(0);
            for (const {planes, color} of parts) {
                const plane = planes[planes.length === 1 ? 0 : channel], factor = toLinear(color[channel] / 255);
                for (let i = 0; i < count; i++) sum[i] += plane[i] * factor;
            }
            for (let i = 0; i < count; i++) pixels[4 * i + channel] = linearToByte(sum[i]);
        }
        return pixels;
    }

    /** A single white light of intensity 1 keeps the original's exact levels; null for all others. */
    function whiteLight(light, kind, width, height, custom) {
        if (hexOf(light.light_color) !== "#ffffff" || light.intensity !== 1 || hasDepth(light)) return null;
        if (light.light === "custom") return new Uint8ClampedArray(custom);
        const levels = light.light_gamma === 1 ? kindOf(light).gradient(light, width, height, ...lightRange(light, kind)) : null;
        if (levels === null) return greyImage(greyLevels(light, kind, width, height), toByte);
        return greyImage(levels, (level) => Math.floor(clip(level, 0, 255)));
    }

    /**
     * The light map of all lights: RGBA, Uint8ClampedArray of 4 * width * height, or null when there is no light.
     * kind: "fc" or "fbc", which gives the range. custom: RGBA of the same size, for the light "custom".
     * planesOf: stands in for linearPlanes, so that a caller may cache what did not change. surface: of the subject, for lights with
     * an elevation.
     */
    function render(lights, kind, width, height, custom = null, planesOf = null, surface = null) {
        const shown = lights.map(complete).filter((light) => light.light !== "none" && (light.light !== "custom" || custom));
        if (!shown.length) return null;
        const planes = planesOf || ((light) => linearPlanes(light, kind, width, height, custom, surface));
        const white = shown.length === 1 ? whiteLight(shown[0], kind, width, height, custom) : null;
        return white || addLights(shown, planes, width * height);
    }

    /**
     * The colour of a glowing body, 1500..15000 kelvin -> "#rrggbb"; 6600 K is white. Tanner Helland's curves (2012, "How to
     * convert temperature (K) to RGB") through Mitchell Charity's black body colours.
     */
    function kelvinToColor(kelvin) {
        const t = kelvin / 100;
        const red = t <= 66 ? 255 : 329.698727446 * (t - 60) ** -0.1332047592;
        const green = t <= 66 ? 99.4708025861 * Math.log(t) - 161.1195681661 : 288.1221695283 * (t - 60) ** -0.0755148492;
        const blue = t >= 66 ? 255 : t <= 19 ? 0 : 138.5177312231 * Math.log(t - 10) - 305.0447927307;
        return "#" + [red, green, blue].map((v) => Math.round(clip(v, 0, 255)).toString(16).padStart(2, "0")).join("");
    }

    /** Nearest temperature in steps of 100 K, or null if the colour is further than 6 from every black-body colour. */
    function colorToKelvin(color) {
        const named = kelvinOf(color);
        if (named !== null) return named;
        const wanted = parseColor(color);
        let best = null, least = 7;
        for (let kelvin = COOLEST; kelvin <= HOTTEST; kelvin += 100) {
            const off = Math.max(...parseColor(kelvinToColor(kelvin)).map((value, i) => Math.abs(value - wanted[i])));
            if (off < least) [best, least] = [kelvin, off];
        }
        return best;
    }

    return {complete, lightRange, greyLevels, linearPlanes, render, hexOf, kelvinToColor, colorToKelvin};
})();
