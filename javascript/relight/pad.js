/* Light pad controller of one tab: edits the list of lights and keeps it in sync with the panel's fields. */

window.relight = window.relight || {};

window.relight.Pad = (() => {
    "use strict";

    const WRITE_MS = 120, SETTLE_MS = 1000, POLL_MS = 700, FLUSH_MS = 1000, POLL_FLUSH_MS = 20;

    const warn = (error) => console.warn("Relight:", error);

    class Pad extends window.relight.PadImages {
        /** root: the empty placeholder of the tab. */
        constructor(root, tab) {
            super(root, tab);
            this.model = window.relight.padModel;
            this.state = {lights: [], place: null, selected: 0, kind: "fc", width: 512, height: 512, frame: {}};
            this.recorded = this.snapshot;
            this.writes = 0;
            this.drag = null;
            this.view = window.relight.padElements.build(root, tab);
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

        /* ---- the panel's fields ---- */

        /** Fields as reported by gradio. Right after a write they may be outdated; settle() reads them again. */
        onFields(values, first = false) {
            const {modelName} = this;
            this.values = values;
            if (values.model !== modelName) this.poll();
            this.cutOut();
            this.draw();
            const read = this.model.fromFields(values);
            if (this.drag || this.pending || this.settling || JSON.stringify(read) === JSON.stringify(this.snapshot)) return;
            this.show(read);
            if (first || window.relight.undo.isByAction(this.tab)) this.recorded = read;
            this.record("fields");
        }

        /** What the fields hold and Undo takes back. */
        get snapshot() {
            return {lights: this.state.lights, place: this.state.place};
        }

        show({lights, place}) {
            Object.assign(this.state, {lights, place, selected: Math.max(0, Math.min(this.state.selected, lights.length - 1))});
            this.cutOut();
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
            this.sent = window.relight.fields.set(this.tab, this.model.toFields(this.snapshot)).catch(warn);
        }

        /** Whether the last change may not be in the fields yet. */
        get isSettling() {
            return !!(this.pending || this.settling);
        }

        /** Write at once and resolve when the fields hold the pad's lights, after FLUSH_MS at the latest. */
        async flush() {
            if (this.pending) this.send();
            await this.sent;
            const wanted = JSON.stringify(this.snapshot), end = performance.now() + FLUSH_MS;
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

        /** key: of changes that follow each other closely and are one step of the history. */
        setLights(lights, selected = this.state.selected, key = null) {
            this.state.lights = lights.map((light) => this.model.tidy(light));
            this.state.selected = Math.max(0, Math.min(selected, lights.length - 1));
            this.changed(key);
        }

        /** place: {x, y, scale}, or null for where the subject's own image has it. */
        setPlace(place) {
            this.state.place = place && window.relight.place.tidy(place);
            this.changed();
        }

        changed(key = null) {
            if (!this.drag) this.record(key);
            this.write();
            this.draw();
        }

        /** Add what has changed since the last record to the panel's history. */
        record(key = null) {
            const before = this.recorded, after = this.snapshot;
            this.recorded = after;
            if (JSON.stringify(before) !== JSON.stringify(after)) window.relight.undo.addPad(this.tab, before, after, key);
        }

        /** Show a snapshot of the history. */
        restore(snapshot) {
            this.recorded = snapshot;
            this.show(snapshot);
            this.write();
        }

        change(light, key = null) {
            this.setLights(this.state.lights.map((old, i) => (i === this.state.selected ? light : old)), this.state.selected, key);
        }

        select(index) {
            this.state.selected = index;
            this.draw();
        }

        /** Without an argument: a light from the first direction that has none yet. */
        add(light) {
            const {lights} = this.state, {DEFAULTS, DIRECTIONS} = window.relight.lightKinds;
            const free = DIRECTIONS.find((name) => !lights.some((other) => other.light === name)) || DIRECTIONS[0];
            if (lights.length < this.model.MAX_LIGHTS) {
                this.setLights([...lights, {...DEFAULTS, ...(light || {light: free})}], lights.length);
            }
        }

        remove() {
            this.setLights(this.state.lights.filter((_, i) => i !== this.state.selected));
        }

        reset() {
            if (this.selected) this.change({...window.relight.lightKinds.DEFAULTS, ...this.model.kindOf(this.selected).first});
        }

        /** kind: of light_kinds.js, or a named direction. */
        setKind(kind) {
            const direction = window.relight.lightKinds.DIRECTIONS.includes(kind) && {...this.model.KINDS.direction, first: {light: kind}};
            const {first, settings} = direction || this.model.KINDS[kind];
            if (kind === "none") this.remove();
            else if (!this.selected) this.add(first);
            else {
                const {light_color, intensity, light_gamma, light_start, light_end, light_elevation} = this.selected;
                const kept = {light_color, intensity, ...(settings.includes("gamma") ? {light_gamma, light_start, light_end, light_elevation} : {})};
                this.change({...window.relight.lightKinds.DEFAULTS, ...kept, ...first});
            }
        }

        set(name, value) {
            if (!this.selected) return;
            const made = {
                color: () => ({light_color: value}),
                kelvin: () => ({light_color: `${value}K`}),
                intensity: () => ({intensity: Number(value)}),
                radius: () => ({light_radius: Number(value)}),
                gamma: () => ({light_gamma: this.model.clip(Math.round(20 * 10 ** -value) / 20, 0.1, 10)}),
            };
            this.change({...this.selected, ...made[name]()}, name);
        }

        /** Choose an entry of a menu: a field of the panel that is no light's. */
        choose(name, value) {
            this.sent = window.relight.fields.set(this.tab, {[name]: value}).catch(warn);
        }

        /* ---- drawing ---- */

        draw() {
            if (this.frame) return;
            this.frame = requestAnimationFrame(() => {
                this.frame = null;
                const began = performance.now();
                window.relight.padView.draw(this.view, {...this.state, spot: this.spot, values: this.values});
                this.paint();
                this.paintMs = performance.now() - began;
            });
        }
    }

    return Pad;
})();
