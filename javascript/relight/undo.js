/* The one history of each tab's panel: lights set on the pad, fields and images that the user has changed, and the actions of the server
   (lib_relight/ui/history.py), in their order.

   relight.undo.move("txt2img", -1)    undo; 1 is redo. Promise, resolved when the fields have their values */

window.relight = window.relight || {};

window.relight.undo = (() => {
    "use strict";

    const TABS = ["txt2img", "img2img"], BEFORE = 0, AFTER = 1, MOST_STEPS = 100;
    const MOST_ACTIONS = 20;  // MAX_STEPS of history.py
    const CLOSE_MS = 600, ANSWER_MS = 15000;
    const PARTS = "[id^=script_txt2img_relight_], [id^=script_img2img_relight_], [id*=_send_to_relight_]";
    const element = (tab, name) => window.relight.fields.element(tab, name);
    const now = () => performance.now();

    /* An entry is one of {pad: [before, after], key, time}, {fields: {name: [before, after]}} and {isAction: true, time}.
       at: how many are done. known: values of all fields when they were looked at last. touched: when the user used the panel last.
       touches: when the user used a field whose change no look has met yet, by name. changed: when the history changed last.
       answer: the last change of the server's history; names: its fields which no look has met yet; isForPad: whether the pad has not. */
    const fresh = () => ({entries: [], at: 0, known: null, touched: 0, touches: {}, changed: 0, answer: {number: 0, pushes: 0, names: []},
        names: new Set(), isForPad: false, moves: Promise.resolve(), waiting: 0});
    const states = {txt2img: fresh(), img2img: fresh()};

    const isOfPad = (name) => name in window.relight.padModel.toFields({lights: [], place: null});
    /** A value as a text; of a file its address, since gradio makes new objects of the same file. */
    const textOf = (value) => (Array.isArray(value) ? value.map(textOf).join() : String(value?.path || value?.name || value?.data || value?.url || (value ?? "")));

    /* ---- adding steps ---- */

    function add(tab, entry, index = states[tab].at) {
        const state = states[tab];
        state.entries.length = state.at;
        state.entries.splice(index, 0, entry);
        const actions = state.entries.filter(({isAction}) => isAction);
        const surplus = actions.length > MOST_ACTIONS ? state.entries.indexOf(actions[0]) + 1 : state.entries.length - MOST_STEPS;
        if (surplus > 0) state.entries.splice(0, surplus);
        state.at = state.entries.length;
        state.changed = now();
        draw(tab);
    }

    /** Take note of what the server has changed. Returns the number of its history's last change. */
    function sync(tab) {
        const state = states[tab], {step} = element(tab, "step")?.querySelector("[data-step]")?.dataset || {};
        const answer = step ? JSON.parse(step) : state.answer;
        if (answer.number === state.answer.number) return answer.number;
        for (let i = state.answer.pushes; i < answer.pushes; i++) add(tab, {isAction: true, time: now()});
        Object.assign(state, {answer, names: new Set([...state.names, ...answer.names]), isForPad: answer.names.some(isOfPad), changed: now()});
        return answer.number;
    }

    /** Whether what the pad's fields have now is an action's, not the user's. */
    function isByAction(tab) {
        sync(tab);
        const state = states[tab], isIt = state.isForPad && state.touched <= state.changed;
        state.isForPad = false;
        return isIt;
    }

    /** A change on the pad: its snapshots before and after. key: changes with the same one that follow each other closely are one step. */
    function addPad(tab, before, after, key) {
        sync(tab);
        const state = states[tab], last = state.entries[state.at - 1];
        if (key && last?.key === key && now() - last.time < CLOSE_MS && state.at === state.entries.length) {
            Object.assign(last, {pad: [last.pad[BEFORE], after], time: now()});
        } else add(tab, {pad: [before, after], key, time: now()});
    }

    const isFile = (value) => !!value && (typeof value === "object" || String(value).startsWith("data:"));

    /** What the fields had before the first look: on a busy page the user may have given files until then. */
    function beforeFiles(values, touches) {
        return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, touches[name] && isFile(value) ? null : value]));
    }

    /** Read all fields, and add what the user has changed since the last look. What changes by itself afterwards belongs to the same step. */
    async function look(tab) {
        const state = states[tab];
        let values, number;
        do {
            number = sync(tab);
            values = await window.relight.fields.get(tab);
        } while (sync(tab) !== number);
        const {names} = state, known = state.known || beforeFiles(values, state.touches), last = state.entries[state.at - 1];
        const found = Object.keys(values).filter((name) => name !== "enabled" && !isOfPad(name) && !names.has(name) && textOf(known[name]) !== textOf(values[name]));
        const fields = Object.fromEntries(found.map((name) => [name, [known[name], values[name]]]));
        const isUsed = found.some((name) => state.touches[name]);
        Object.assign(state, {known: values, names: new Set()});
        if (found.length && (isUsed || state.touched > state.changed)) for (const [time, part] of byTime(state, fields)) add(tab, {fields: part}, placeOf(state, time));
        else if (last?.fields && last === state.open) for (const name of found) last.fields[name] = [(last.fields[name] || fields[name])[BEFORE], values[name]];
        for (const name of found) delete state.touches[name];
        state.open = state.entries[state.at - 1];
    }

    /** Changes as [time, fields] in the order in which the user made them; a field that has changed by itself comes with the last one. */
    function byTime({touches, touched}, fields) {
        const names = Object.keys(fields), last = Math.max(...names.map((name) => touches[name] || 0)) || touched;
        const times = [...new Set(names.map((name) => touches[name] || last))].sort((a, b) => a - b);
        return times.map((time) => [time, Object.fromEntries(names.filter((name) => (touches[name] || last) === time).map((name) => [name, fields[name]]))]);
    }

    /** Where a change that the user made at a time belongs: before the actions that were answered later, such as a size for an image. */
    function placeOf({entries, at}, time) {
        while (at > 0 && entries[at - 1].isAction && entries[at - 1].time > time) at -= 1;
        return at;
    }

    /* ---- moving ---- */

    function messageOf(names, side) {
        const labels = names.map(window.relight.labelOf).join(", ");
        return window.relight.fields.messageOf(window.relight.text(side === BEFORE ? "restored" : "redone", {names: labels}));
    }

    /** Names of what a change on the pad has changed. */
    const namesOfPad = ([before, after]) => [["light", "lights"], ["place", "place"]]
        .filter(([, part]) => JSON.stringify(before[part]) !== JSON.stringify(after[part])).map(([name]) => name);

    async function apply(tab, {pad, fields}, side) {
        if (pad) window.relight.pads[tab].restore(pad[side]);
        const values = Object.fromEntries(Object.entries(fields || {}).map(([name, pair]) => [name, pair[side]]));
        await window.relight.fields.set(tab, {...values, message: messageOf(pad ? namesOfPad(pad) : Object.keys(values), side)});
        Object.assign(states[tab].known, values);
    }

    /** Have the server undo or redo an action. */
    function act(tab, side) {
        return new Promise((resolve) => {
            const {number} = states[tab].answer, done = () => {
                observer.disconnect();
                clearTimeout(timer);
                window.relight.setup.keep(tab, states[tab].answer.names);
                resolve();
            };
            const observer = new MutationObserver(() => sync(tab) !== number && done()), timer = setTimeout(done, ANSWER_MS);
            observer.observe(element(tab, "step"), {childList: true, subtree: true});
            states[tab].direction = side === BEFORE ? "-1" : "1";
            window.relight.fields.press(tab, "history_move");
        });
    }

    /** For gradio: puts the direction in front of an event's values. */
    const withDirection = (tab, [, ...values]) => [states[tab].direction, ...values];

    async function step(tab, by) {
        await look(tab);
        const state = states[tab], side = by < 0 ? BEFORE : AFTER, entry = state.entries[by < 0 ? state.at - 1 : state.at];
        if (!entry) return;
        state.at += by;
        state.open = null;
        await (entry.isAction ? act(tab, side) : apply(tab, entry, side));
        state.changed = now();
        draw(tab);
    }

    function move(tab, by) {
        const state = states[tab];
        state.waiting += 1;
        state.moves = state.moves.then(() => step(tab, by)).catch((error) => console.warn("Relight:", error)).finally(() => (state.waiting -= 1));
        return state.moves;
    }

    /* ---- the page ---- */

    function button(tab, name, by) {
        const {make} = window.relight.padElements;
        return make("button", {type: "button", className: "relight-small", id: `script_${tab}_relight_${name}`, "data-history": by}, window.relight.text(name));
    }

    function draw(tab) {
        const {entries, at} = states[tab], undo = element(tab, "undo"), redo = element(tab, "redo");
        if (!undo || !redo) return;
        undo.disabled = at === 0;
        redo.disabled = redo.hidden = at === entries.length;
    }

    function onTouch({target}) {
        if (!(target instanceof Element) || target.closest("[data-history]")) return;
        for (let part = target.closest(PARTS); part; part = part.parentElement.closest(PARTS)) {
            for (const tab of TABS.filter((tab) => part.id.includes(tab))) states[tab].touched = states[tab].touches[part.id.split("_relight_").pop()] = now();
        }
    }

    function onClick({target}) {
        const button = target instanceof Element && target.closest("[data-history]");
        if (button) move(TABS.find((tab) => button.id.includes(tab)), Number(button.dataset.history));
    }

    function attach() {
        for (const tab of TABS) {
            const box = element(tab, "step");
            if (!box) continue;
            new MutationObserver(() => sync(tab)).observe(box, {childList: true, subtree: true});
            element(tab, "note").after(window.relight.padElements.make("div", {className: "relight-history"}, button(tab, "undo", -1), button(tab, "redo", 1)));
            draw(tab);
        }
    }

    for (const type of ["pointerdown", "keydown", "input", "change", "drop", "paste"]) document.addEventListener(type, onTouch, true);
    document.addEventListener("click", onClick);
    window.relight.onReady(attach);

    return {addPad, isByAction, isMoving: (tab) => states[tab].waiting > 0, look, move, moves: (tab) => states[tab].moves, withDirection};
})();
