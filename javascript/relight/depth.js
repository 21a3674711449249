/* Lights in front of and behind the image plane, the twin of lib_iclight/depth.py and surface.py: equal within one level of 255.
   A surface is {id, x, y, z, matte, edge}: unit normals (x to the right, y up, z towards the viewer), the matte and the outline. */

window.relight = window.relight || {};

window.relight.depth = (() => {
    "use strict";

    const {angleOf, kindOf, clip} = window.relight.lightKinds;
    const WRAP = 0.12, FULL_DEPTH = 15, SMOOTH_RADIUS = 3, SMOOTH_PASSES = 2;
    const RADIANS = Math.PI / 180;
    let surfaces = 0;

    /** Whether the light is off the image plane; ambient light and a custom map have no direction. */
    const hasDepth = (light) => !!light.light_elevation && (hasPosition(light) || uses(light, "light_angle"));

    const uses = (light, field) => kindOf(light).fields.includes(field);

    const hasPosition = (light) => uses(light, "light_x") || uses(light, "light_y");

    /** (x, y) -> unit vector towards the light; one with one coordinate is a line, whose nearest point counts. */
    function towards(light, width, height) {
        if (!hasPosition(light)) {
            const a = angleOf(light) * RADIANS, e = light.light_elevation * RADIANS;
            const vector = [Math.cos(a) * Math.cos(e), Math.sin(a) * Math.cos(e), Math.sin(e)];
            return () => vector;
        }
        const right = Math.max(width - 1, 1), bottom = Math.max(height - 1, 1);
        const high = light.light_radius * Math.max(width, height) * Math.tan(clip(light.light_elevation, -89, 89) * RADIANS);
        const hasX = uses(light, "light_x"), hasY = uses(light, "light_y");
        return (x, y) => {
            const across = hasX ? light.light_x * right - x : 0, up = hasY ? y - light.light_y * bottom : 0;
            const length = Math.max(Math.hypot(across, up, high), 1e-9);
            return [across / length, up / length, high / length];
        };
    }

    /** (x, y) -> share of the light that the surface reflects, 0..1: wrapped Lambert, from behind with a rim at the outline. */
    function shading(light, surface, width, height) {
        const vectorAt = towards(light, width, height), wrap = Math.min(1, WRAP / light.light_gamma);
        const away = hasPosition(light) ? kindOf(light).distance(light, width, height) : () => 0;
        return (x, y) => {
            const i = y * width + x, [lx, ly, lz] = vectorAt(x, y);
            const beside = surface.x[i] * lx + surface.y[i] * ly;
            let lit = Math.max(0, (beside + surface.z[i] * lz + wrap) / (1 + wrap));
            if (light.light_elevation < 0) lit = Math.max(lit, surface.edge[i] ** 2 * clip(beside - lz, 0, 1));
            return lit * (1 - away(x, y));
        };
    }

    /** (x, y) -> fall-off around the subject; flat: that of the image plane. */
    function surround(light, flat, width, height) {
        if (hasPosition(light)) return flat;
        const share = Math.abs(Math.sin(light.light_elevation * RADIANS));
        const right = Math.max(width - 1, 1), bottom = Math.max(height - 1, 1);
        const dome = light.light_elevation > 0 ? (x, y) => Math.hypot(2 * x / right - 1, 2 * y / bottom - 1) / Math.SQRT2 : () => 0;
        return (x, y) => flat(x, y) + (dome(x, y) - flat(x, y)) * share;
    }

    /** By how much the surface's shading replaces the flat map. */
    const surfaceShare = (light) => Math.min(1, Math.abs(light.light_elevation) / FULL_DEPTH);

    /* ---- the shape of a matte ---- */

    /** Lines of an image along x (step 1) or y (step width): [first index, step, length]. */
    function lines(width, height, along) {
        return along === "x" ? Array.from({length: height}, (_, y) => [y * width, 1, width])
            : Array.from({length: width}, (_, x) => [x, width, height]);
    }

    /** Distance of each inner pixel's centre to the outline, 0 outside. The border counts as outline only if all is inside. */
    function distanceInside(inside, width, height) {
        const isFull = inside.every(Boolean);
        let squared = Float64Array.from(inside, (value) => (value ? 1e12 : 0));
        for (const along of ["y", "x"]) {
            const best = new Float64Array(squared.length);
            for (const [first, step, length] of lines(width, height, along)) {
                for (let i = 0; i < length; i++) {
                    let least = isFull ? Math.min(i + 1, length - i) ** 2 : Infinity;
                    for (let k = 0; k < length; k++) least = Math.min(least, squared[first + k * step] + (i - k) ** 2);
                    best[first + i * step] = least;
                }
            }
            squared = best;
        }
        return squared.map((value, i) => (inside[i] ? Math.sqrt(value) - 0.5 : 0));
    }

    function smoothed(values, width, height) {
        const count = 2 * SMOOTH_RADIUS + 1;
        for (let pass = 0; pass < SMOOTH_PASSES; pass++) {
            for (const along of ["y", "x"]) {
                const made = new Float64Array(values.length);
                for (const [first, step, length] of lines(width, height, along)) {
                    for (let i = 0; i < length; i++) {
                        let sum = 0;
                        for (let k = -SMOOTH_RADIUS; k <= SMOOTH_RADIUS; k++) sum += values[first + clip(i + k, 0, length - 1) * step];
                        made[first + i * step] = sum / count;
                    }
                }
                values = made;
            }
        }
        return values;
    }

    function slope(values, width, height, along) {
        const made = new Float64Array(values.length);
        for (const [first, step, length] of lines(width, height, along)) {
            const at = (i) => values[first + clip(i, 0, length - 1) * step];
            for (let i = 0; i < length; i++) made[first + i * step] = (at(i + 1) - at(i - 1)) / 2;
        }
        return made;
    }

    /** Replace a surface's normals by those of an OpenGL normal map, RGBA: value / 127.5 - 1, of length 1. */
    function setNormals(surface, pixels) {
        for (let i = 0; i < surface.z.length; i++) {
            const [x, y, z] = [0, 1, 2].map((channel) => pixels[4 * i + channel] / 127.5 - 1), length = Math.hypot(x, y, z);
            [surface.x[i], surface.y[i], surface.z[i]] = length < 0.1 ? [0, 0, 1] : [x / length, y / length, z / length];
        }
        return surface;
    }

    /** The surface of a subject, null without a shape; see surface.surface_of. matte: 0..1, or null for the whole image. normals: RGBA of a
        normal map, or null for the matte blown up to a body. */
    function surfaceOf(matte, width, height, normals = null) {
        if (matte) return normals ? setNormals(inflated(matte, width, height), normals) : inflated(matte, width, height);
        if (!normals) return null;
        const made = setNormals(empty(new Float64Array(width * height).fill(1)), normals);
        made.edge = made.z.map((value) => 1 - clip(value, 0, 1));
        return made;
    }

    /** A surface towards the viewer. */
    function empty(matte) {
        const [x, y, edge] = [0, 1, 2].map(() => new Float64Array(matte.length));
        return {id: ++surfaces, matte, x, y, z: new Float64Array(matte.length).fill(1), edge};
    }

    /** A matte blown up to a body; see surface.inflate. */
    function inflated(matte, width, height) {
        const inside = Array.from(matte, (value) => value >= 0.5);
        const distance = distanceInside(inside, width, height), outer = distanceInside(inside.map((value) => !value), width, height);
        const smooth = smoothed(distance.map((value, i) => value - outer[i]), width, height);
        const across = slope(smooth, width, height, "x"), down = slope(smooth, width, height, "y");
        const deepest = distance.reduce((most, value) => Math.max(most, value), 1), made = empty(matte);
        for (let i = 0; i < matte.length; i++) {
            if (!inside[i]) continue;
            const share = 1 - distance[i] / deepest, x = -across[i] * share, y = down[i] * share, length = Math.max(Math.hypot(x, y), 1);
            [made.x[i], made.y[i]] = [x / length, y / length];
            made.z[i] = Math.sqrt(Math.max(0, 1 - made.x[i] ** 2 - made.y[i] ** 2));
            made.edge[i] = 1 - made.z[i];
        }
        return made;
    }

    return {hasDepth, shading, surround, surfaceShare, surfaceOf};
})();
