/* What the light pad of one tab shows: finds subject, background and frame on the page, has the subject cut out, and paints. */

window.relight = window.relight || {};

window.relight.PadImages = (() => {
    "use strict";

    const MATTE_MS = 400, MAX_PIXELS = 1024, MAX_PLANES = 12, TOWARDS_VIEWER = "rgb(128, 128, 255)";

    /** Base of relight.Pad, which has `state`, `values`, `view`, `frames`, draw() and root. */
    class PadImages {
        constructor(root, tab) {
            Object.assign(this, {root, tab, planes: new Map()});
        }

        /* ---- page state ---- */

        /** Hosts share no events for output size and images, so both are polled while the pad is visible. */
        poll() {
            if (!this.root.isConnected) {
                clearInterval(this.timer);
                return;
            }
            if (document.hidden || this.root.offsetParent === null) return;
            const {subject} = window.relight;
            const found = {
                width: this.size("width"), height: this.size("height"), image: subject.image(this.tab),
                custom: subject.fieldImage(this.tab, "light_map"), background: subject.fieldImage(this.tab, "background"),
                normals: subject.fieldImage(this.tab, "normal_map"),
                kind: this.modelKind(), box: this.view.frame.clientWidth,
            };
            const frame = this.frames.read(found.width, found.height);
            const key = [found.width, found.height, found.image?.src, found.custom?.src, found.kind, found.box, found.background?.src,
                found.normals?.src, JSON.stringify(frame)];
            if (key.join("\n") === this.seen) {
                this.cutOut();
                return;
            }
            this.seen = key.join("\n");
            const {image, custom, background, normals} = found;
            this.images = {image, custom, background, normals, cut: image ? this.isCutOut(image) : false, isInit: image === subject.initImage(this.tab)};
            Object.assign(this.state, {width: found.width, height: found.height, frame, kind: found.background ? "fc" : found.kind});
            this.view.frame.style.setProperty("--relight-ratio", found.width / found.height);
            this.root.closest(".relight-light")?.classList.toggle("relight-has-background", !!background);
            this.scaled = this.backdrop = null;
            this.cutOut();
            this.draw();
        }

        size(name) {
            return Math.min(Math.max(window.relight.frame.number(`${this.tab}_${name}`) || 512, 16), 8192);
        }

        /** fbc without a background uses the light map as background, in its own range; all other cases use that of fc. */
        modelKind() {
            return /fbc/i.test(this.modelName) ? "fbc" : "fc";
        }

        get modelName() {
            return this.values?.model || "";
        }

        isCutOut(image) {
            try {
                return window.relight.subject.isCutOut(image);
            } catch {
                return false;
            }
        }

        /** With "Cut out the subject", or a new background, the server's cut-out replaces the image; requested once per image and
            matte settings. */
        cutOut() {
            const {image, background} = this.images || {};
            const wanted = (this.view.cutOut.checked || background || this.hasDepth || this.state.place) && image && !this.images.cut;
            const key = wanted ? [image.src, ...Object.values(window.relight.subject.matteFields(this.values || {})), this.maskSource()].join("\n") : "";
            if (key === this.cutKey) return;
            this.cutKey = key;
            this.request?.abort();
            this.made = this.scaled = null;
            clearTimeout(this.cutOutTimer);
            this.note(wanted && this.view.cutOut.checked ? window.relight.text("cutting") : "");
            if (wanted) this.cutOutTimer = setTimeout(() => this.requestCutOut(image, key), MATTE_MS);
        }

        /** Whether a light shades the subject, whose matte the light map then needs. */
        get hasDepth() {
            return this.state.lights.some(window.relight.depth.hasDepth);
        }

        maskSource() {
            return this.values?.matting === "mask" ? window.relight.subject.fieldImage(this.tab, "mask")?.src : "";
        }

        requestCutOut(image, key) {
            this.request = new AbortController();
            window.relight.subject.cutOut(this.tab, image, this.values, this.request.signal).then(
                (made) => ({made, note: ""}), (error) => ({made: null, note: window.relight.panelMessage(error.message)})).then(({made, note}) => {
                if (key !== this.cutKey) return;
                this.made = made;
                this.scaled = null;
                this.note(this.view.cutOut.checked ? note : "");
            });
        }

        note(text) {
            this.state.note = text;
            this.draw();
        }

        paint() {
            const {canvas, frame} = this.view, {width, height} = this.state;
            const scale = Math.min(frame.clientWidth * (window.devicePixelRatio || 1), MAX_PIXELS) / Math.max(width, height);
            const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
            if (canvas.width !== size[0] || canvas.height !== size[1]) {
                [canvas.width, canvas.height] = size;
                this.scaled = this.backdrop = null;
            }
            const subject = this.fittedSubject(), surface = this.hasDepth ? this.surfaceOf(subject) : null;
            const map = window.relight.padView.mapCanvas(this.state, this.images?.custom, surface, (key, make) => this.cachedPlane(key, make));
            window.relight.padView.paint(this.view, map, subject, this.fittedBackground());
        }

        /** The surface that the job's lights shade, at the map's size; null for a subject without a shape. */
        surfaceOf(subject) {
            const isWhole = this.values?.matting === "none", normals = this.images?.normals;
            if (!subject || !isWhole && !subject.cut) return null;
            const {image} = subject, key = `${isWhole} ${normals?.src}`;
            if (this.shape?.image !== image || this.shape.key !== key) {
                const [width, height] = window.relight.padView.mapSize(this.state);
                const matte = isWhole ? null : this.matteOf(image, width, height), map = normals ? this.normalPixels(width, height) : null;
                this.shape = {image, key, surface: window.relight.depth.surfaceOf(matte, width, height, map)};
            }
            return this.shape.surface;
        }

        matteOf(image, width, height) {
            const context = window.relight.subject.canvas(width, height).getContext("2d", {willReadFrequently: true});
            context.drawImage(image, 0, 0, width, height);
            const {data} = context.getImageData(0, 0, width, height);
            return Float64Array.from({length: width * height}, (_, i) => data[4 * i + 3] / 255);
        }

        /** RGBA of the normal map in the job's frame; what is see-through in it is towards the viewer. */
        normalPixels(width, height) {
            const {normals} = this.images, {canvas} = window.relight.subject, flat = canvas(...window.relight.frame.sizeOf(normals));
            const own = flat.getContext("2d");
            own.fillStyle = TOWARDS_VIEWER;
            own.fillRect(0, 0, flat.width, flat.height);
            own.drawImage(normals, 0, 0);
            const placed = canvas(width, height).getContext("2d", {willReadFrequently: true});
            window.relight.frame.place(placed, flat, this.state.frame, !!this.moved, this.moved);
            return placed.getImageData(0, 0, width, height).data;
        }

        /** The new background at the canvas' size, mirrored by "Flip background"; null without one. */
        fittedBackground() {
            const {background} = this.images || {}, isFlipped = !!this.values?.background_flip;
            if (!background) return null;
            if (!this.backdrop || this.backdrop.isFlipped !== isFlipped) {
                const {width, height} = this.view.canvas, canvas = window.relight.subject.canvas(width, height), context = canvas.getContext("2d");
                if (isFlipped) context.setTransform(-1, 0, 0, 1, width, 0);
                window.relight.frame.place(context, background, this.state.frame);
                this.backdrop = {canvas, isFlipped};
            }
            return this.backdrop.canvas;
        }

        fittedSubject() {
            if (!this.images?.image) return null;
            const cut = this.images.cut || !!this.made, {moved} = this, key = JSON.stringify(moved);
            if (!this.scaled || this.scaledFor !== key) {
                this.scaled = window.relight.subject.canvas(this.view.canvas.width, this.view.canvas.height);
                this.scaledFor = key;
                window.relight.frame.place(this.scaled.getContext("2d"), this.made || this.images.image, this.state.frame, cut, moved);
            }
            return {image: this.scaled, cut};
        }

        /* ---- the subject's place ---- */

        /** The cut-out that the job moves by "Place", null where it moves nothing: without a matte, or with a part of the init image. */
        get movable() {
            const {image, cut, isInit} = this.images || {}, hasMatte = (cut || this.made) && this.values?.matting !== "none";
            return image && hasMatte && !(isInit && this.state.frame.crop) ? this.made || image : null;
        }

        /** {place, bounds} of a subject that is moved, else null. */
        get moved() {
            const {movable, state: {place}} = this;
            return movable && place && {place, bounds: window.relight.place.boundsOf(movable)};
        }

        /** What the subject's handles show: its place, and its box in shares of the frame; null where it has none. */
        get spot() {
            const {movable, moved, state: {place, frame, width, height}} = this;
            if (!movable || frame.crop || !(place || this.images.background)) return null;
            const {boxOf, modeOf} = window.relight.frame, box = boxOf(movable, modeOf(movable, frame), width, height, moved);
            const sides = [width, height, width, height];
            const shares = window.relight.place.boundsOf(movable).map((share, i) => (box[i % 2] + share * box[2 + i % 2]) / sides[i]);
            return {box: shares, place: place || {x: (shares[0] + shares[2]) / 2, y: (shares[1] + shares[3]) / 2, scale: 1}};
        }

        /** Cache light planes by light, so that moving one light does not recompute the others. */
        cachedPlane(key, make) {
            const known = this.planes.get(key) || make();
            this.planes.delete(key);
            this.planes.set(key, known);
            if (this.planes.size > MAX_PLANES) this.planes.delete(this.planes.keys().next().value);
            return known;
        }
    }

    return PadImages;
})();
