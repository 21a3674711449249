/* Reads and sets the panel's fields through gradio: a hidden button's event has the fields as inputs or outputs and runs here,
   so every kind of component works on gradio 3 and 4 and fires its own change events.

   relight.fields.get("txt2img")                          Promise of {light: "left", light_angle: 0, ...}
   relight.fields.set("txt2img", {light: "spot", matting: "none"})   Promise, resolved when gradio has the values
   relight.fields.onChange("txt2img", (values) => ...)    the light's fields, whenever one of them changes
   Names are those of the schema; a unit's fields are unit1_weight and so on. Empty numbers are "", images
   null. set() takes the message line's HTML as "message", see messageOf(). */

window.relight = window.relight || {};

window.relight.fields = (() => {
    "use strict";

    const UNCHANGED = {__type__: "update"};
    const ANSWER_TIMEOUT_MS = 5000;
    const waiting = {}, listeners = {};

    const element = (tab, name) => document.getElementById(`script_${tab}_relight_${name}`);
    const press = (tab, name) => {
        const found = element(tab, name);
        const button = found && (found.tagName === "BUTTON" ? found : found.querySelector("button"));
        if (!button) throw new Error(`the panel of ${tab} is not on this page`);
        button.click();
    };

    /** Open a folded section; returns whether it was closed. */
    function unfold(section) {
        const title = section?.querySelector(".label-wrap"), isClosed = !!title && !title.classList.contains("open");
        if (isClosed) title.click();
        return isClosed;
    }

    /** Set a number of the host's, such as "steps", as a user does. */
    function setHost(tab, id, value) {
        const input = document.querySelector(`#${tab}_${id} input[type=number]`);
        if (!input || input.value === String(value)) return;
        input.value = value;
        for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, {bubbles: true}));
    }

    /** Call back when what read(element) returns has changed, but not to null: while an event runs, a clock that gradio hides in its outputs
        changes them ten times a second. */
    function watch(element, read, callback) {
        if (!element) return;
        let last = read(element);
        const look = () => {
            const before = last;
            last = read(element);
            if (last !== before && last !== null) callback();
        };
        new MutationObserver(look).observe(element, {childList: true, subtree: true, characterData: true});
    }

    /** For watch(): what the host's log of a tab's jobs holds; null while a job runs, whose log may equal that of the one before. */
    const logOf = (log) => (log.querySelector(".pending") ? null : (log.querySelector(".prose") || log).innerHTML);

    const listOf = (css, key) => document.querySelector(css)?.dataset[key].split(",") || [];

    /** Names of the fields of a channel ("light" or "all"), in gradio's order; "message" can only be set. */
    const names = (tab, channel) => {
        const fields = listOf(`.relight-pad[data-tab="${tab}"]`, channel);
        return channel === "all" ? [...fields, ...listOf(`.relight-notices-of[data-tab="${tab}"]`, "files"), "message"] : fields;
    };
    const named = (tab, channel, values) => Object.fromEntries(names(tab, channel).map((name, i) => [name, values[i]]));

    function ask(tab, button, message) {
        return new Promise((resolve, reject) => {
            const queue = waiting[`${tab} ${button}`] ??= [];
            const entry = {message, resolve};
            queue.push(entry);
            setTimeout(() => {
                if (!queue.includes(entry)) return;
                queue.splice(queue.indexOf(entry), 1);
                reject(new Error(`the fields of ${tab} did not answer`));
            }, ANSWER_TIMEOUT_MS);
            press(tab, button);
        });
    }

    const answer = (tab, button) => (waiting[`${tab} ${button}`] || []).shift();

    /** What an event of the page returns to change nothing: gradio renders the whole page anew for any result, even an empty one. */
    const noResult = () => new Promise(() => {});

    /** Called by gradio with the values of a channel's fields. */
    function receiveValues(tab, channel, values) {
        answer(tab, `${channel}_read`)?.resolve(named(tab, channel, values));
        return noResult();
    }

    /** Called by gradio; returns the channel's new values. */
    function provideValues(tab, channel) {
        const entry = answer(tab, `${channel}_write`);
        const changes = entry ? entry.message : {};
        if (entry) setTimeout(entry.resolve, 0);
        return names(tab, channel).map((name) => (changes[name] === undefined ? UNCHANGED : changes[name]));
    }

    /** Called by gradio when one of the light's fields has changed. */
    function fieldsChanged(tab, values) {
        for (const listener of listeners[tab] || []) listener(named(tab, "light", values));
        return noResult();
    }

    const channelOf = (tab, wanted) => (wanted.every((name) => names(tab, "light").includes(name)) ? "light" : "all");

    /** The value of "message" for a text. */
    function messageOf(text) {
        const line = Object.assign(document.createElement("p"), {textContent: text});
        line.setAttribute("role", "status");
        return line.outerHTML;
    }

    return {
        element, messageOf, press, unfold, setHost, watch, logOf, receiveValues, provideValues, fieldsChanged, noResult,
        get: (tab, channel = "all") => ask(tab, `${channel}_read`),
        set: (tab, values) => ask(tab, `${channelOf(tab, Object.keys(values))}_write`, values),
        onChange: (tab, listener) => (listeners[tab] ??= []).push(listener),
    };
})();
