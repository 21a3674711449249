/* Light pad controller of one tab: edits the list of lights and keeps it in sync with the panel's fields. */

window.relight = window.relight || {};

window.relight.Pad = (() => {
    "use strict";

    const WRITE_MS = 120, SETTLE_MS = 1000, POLL_MS = 700, MATTE_MS = 400, FLUSH_MS = 1000, POLL_FLUSH_MS = 20, MAX_PIXELS = 1024;

    const warn = (error) => console.warn("Relight:", error);

    class Pad {
        /** root: the empty placeholder of the tab. */
        constructor(root, tab) {
            this.tab = tab;
            this.root = root;
            this.model = window.relight.padModel;
            this.state = {lights: [], selected: 0, kind: "fc", width: 512, height: 512, frame: {}};
            this.history = new this.model.History([]);
            this.writes = 0;
            this.planes = new Map();
            this.drag = null;
            this.view = window.relight.padView.build(root, tab);
            this.frames = new window.relight.frame.FrameReader(tab, () => this.poll());
            window.relight.padInput.listen(this);
            window.relight.fields.onChange(tab, (values) => this.onFields(values));
            this.readFirst();
            this.poll();
            this.timer = setInterval(() => this.poll(), POLL_MS);
        }

        /** Read the fields until gradio answers, which a slow machine may not do in time. */
        readFirst() {
            window.relight.fields.get(this.tab, "light").then((values) => this.onFields(values, true), (error) => {
                warn(error);
                if (this.root.isConnected && !this.values) setTimeout(() => this.readFirst(), SETTLE_MS);
            });
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
                kind: this.modelKind(), box: this.view.frame.clientWidth,
            };
            const frame = this.frames.read(found.width, found.height);
            const key = [found.width, found.height, found.image?.src, found.custom?.src, found.kind, found.box, !!found.background,
                JSON.stringify(frame)];
            if (key.join("\n") === this.seen) {
                this.cutOut();
                return;
            }
            this.seen = key.join("\n");
            this.pictures = {image: found.image, custom: found.custom, cut: found.image ? this.isCutOut(found.image) : false};
            Object.assign(this.state, {width: found.width, height: found.height, frame, kind: found.background ? "fc" : found.kind});
            this.view.frame.style.setProperty("--relight-ratio", found.width / found.height);
            this.scaled = null;
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

        /** With "Cut out the subject" the server's cut-out replaces the image; requested once per image and matte settings. */
        cutOut() {
            const {image} = this.pictures || {}, wanted = this.view.cutOut.checked && image && !this.pictures.cut;
            const key = wanted ? [image.src, ...Object.values(window.relight.subject.matteFields(this.values || {})), this.maskSource()].join("\n") : "";
            if (key === this.cutKey) return;
            this.cutKey = key;
            this.request?.abort();
            this.made = this.scaled = null;
            clearTimeout(this.cutOutTimer);
            this.note(wanted ? window.relight.text("cutting") : "");
            if (wanted) this.cutOutTimer = setTimeout(() => this.requestCutOut(image, key), MATTE_MS);
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
                this.note(note);
            });
        }

        note(text) {
            this.state.note = text;
            this.draw();
        }

        /* ---- the panel's fields ---- */

        /** Fields as reported by gradio. Right after a write they may be outdated; settle() reads them again. */
        onFields(values, first = false) {
            const {modelName} = this;
            this.values = values;
            if (values.model !== modelName) this.poll();
            this.cutOut();
            const lights = this.model.fromFields(values), text = JSON.stringify(lights);
            if (this.drag || this.pending || this.settling || text === JSON.stringify(this.state.lights)) return;
            this.state.lights = lights;
            this.state.selected = Math.max(0, Math.min(this.state.selected, lights.length - 1));
            if (first) this.history = new this.model.History(lights);
            this.history.push(lights);
            this.draw();
        }

        /** Write to the fields, at most every WRITE_MS during a drag; the last state is always written. */
        write() {
            this.writes++;
            this.pending ||= setTimeout(() => this.send(), this.drag ? WRITE_MS : 0);
        }

        send() {
            clearTimeout(this.pending);
            this.pending = null;
            clearTimeout(this.settling);
            this.settling = setTimeout(() => this.settle(), SETTLE_MS);
            this.sent = window.relight.fields.set(this.tab, this.model.toFields(this.state.lights)).catch(warn);
        }

        /** Whether the last change may not be in the fields yet. */
        get isSettling() {
            return !!(this.pending || this.settling);
        }

        /** Write at once and resolve when the fields hold the pad's lights, after FLUSH_MS at the latest. */
        async flush() {
            if (this.pending) this.send();
            await this.sent;
            const wanted = JSON.stringify(this.state.lights), end = performance.now() + FLUSH_MS;
            while (this.isSettling && performance.now() < end) {
                const values = await window.relight.fields.get(this.tab, "light");
                if (JSON.stringify(this.model.fromFields(values)) === wanted) return;
                await new Promise((resolve) => setTimeout(resolve, POLL_FLUSH_MS));
            }
        }

        /** Read the fields again after a write; ignored if another write has started meanwhile. */
        settle() {
            const {writes} = this;
            this.settling = null;
            window.relight.fields.get(this.tab, "light").then((values) => writes === this.writes && this.onFields(values), warn);
        }

        /* ---- changing lights ---- */

        get selected() {
            return this.state.lights[this.state.selected];
        }

        setLights(lights, selected = this.state.selected) {
            this.state.lights = lights.map((light) => this.model.tidy(light));
            this.state.selected = Math.max(0, Math.min(selected, lights.length - 1));
            if (!this.drag) this.history.push(this.state.lights);
            this.write();
            this.draw();
        }

        change(light) {
            this.setLights(this.state.lights.map((old, i) => (i === this.state.selected ? light : old)));
        }

        select(index) {
            this.state.selected = index;
            this.draw();
        }

        /** Without an argument: a light from the first direction that has none yet. */
        add(light) {
            const {lights} = this.state, {DIRECTIONS} = window.relight.lightKinds, {DEFAULTS} = window.relight.light;
            const free = DIRECTIONS.find((name) => !lights.some((other) => other.light === name)) || DIRECTIONS[0];
            if (lights.length < this.model.MAX_LIGHTS) {
                this.setLights([...lights, {...DEFAULTS, ...(light || {light: free})}], lights.length);
            }
        }

        remove() {
            this.setLights(this.state.lights.filter((_, i) => i !== this.state.selected));
        }

        reset() {
            if (this.selected) this.change({...window.relight.light.DEFAULTS, ...this.model.kindOf(this.selected).first});
        }

        moveHistory(by) {
            this.state.lights = this.history.move(by);
            this.state.selected = Math.max(0, Math.min(this.state.selected, this.state.lights.length - 1));
            this.write();
            this.draw();
        }

        setKind(kind) {
            if (kind === "none") this.remove();
            else if (!this.selected) this.add(this.model.KINDS[kind].first);
            else {
                const {light_color, intensity, light_gamma, light_start, light_end} = this.selected;
                const {first, settings} = this.model.KINDS[kind];
                const kept = {light_color, intensity, ...(settings.includes("gamma") ? {light_gamma, light_start, light_end} : {})};
                this.change({...window.relight.light.DEFAULTS, ...kept, ...first});
            }
        }

        set(name, value) {
            if (!this.selected) return;
            const own = window.relight.light.lightRange({light: this.selected.light}, this.state.kind);
            const level = (index) => (Number(value) === own[index] ? null : Number(value));
            const made = {
                color: () => ({light_color: value}),
                kelvin: () => ({light_color: `${value}K`}),
                intensity: () => ({intensity: Number(value)}),
                radius: () => ({light_radius: Number(value)}),
                gamma: () => ({light_gamma: this.model.clip(Math.round(20 * 10 ** -value) / 20, 0.1, 10)}),
                start: () => ({light_start: level(0)}), end: () => ({light_end: level(1)}),
            };
            this.change({...this.selected, ...made[name]()});
        }

        /* ---- drawing ---- */

        draw() {
            if (this.frame) return;
            this.frame = requestAnimationFrame(() => {
                this.frame = null;
                const began = performance.now();
                const {history} = this;
                window.relight.padView.draw(this.view, {...this.state, canUndo: history.canMove(-1), canRedo: history.canMove(1)});
                this.paint();
                this.paintMs = performance.now() - began;
            });
        }

        paint() {
            const {canvas, frame} = this.view, {width, height} = this.state;
            const scale = Math.min(frame.clientWidth * (window.devicePixelRatio || 1), MAX_PIXELS) / Math.max(width, height);
            const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
            if (canvas.width !== size[0] || canvas.height !== size[1]) {
                [canvas.width, canvas.height] = size;
                this.scaled = null;
            }
            const map = window.relight.padView.mapCanvas(this.state, this.pictures?.custom, (key, make) => this.cachedPlane(key, make));
            window.relight.padView.paint(this.view, map, this.fittedSubject());
        }

        fittedSubject() {
            if (!this.pictures?.image) return null;
            const cut = this.pictures.cut || !!this.made;
            if (!this.scaled) {
                this.scaled = window.relight.subject.canvas(this.view.canvas.width, this.view.canvas.height);
                window.relight.frame.place(this.scaled.getContext("2d"), this.made || this.pictures.image, this.state.frame, cut);
            }
            return {picture: this.scaled, cut};
        }

        /** Cache light planes by light, so that moving one light does not recompute the others. */
        cachedPlane(key, make) {
            const known = this.planes.get(key) || make();
            this.planes.delete(key);
            this.planes.set(key, known);
            if (this.planes.size > 12) this.planes.delete(this.planes.keys().next().value);
            return known;
        }
    }

    return Pad;
})();
