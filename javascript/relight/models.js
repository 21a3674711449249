/* The section Models: which known files are there and where, and Get for the others with progress, cancel, the sentence of a failure, and
   Delete for the part of an unfinished download.
   Filled from GET /relight/v1/models when it is opened.

   relight.models.open("iclight_sd15_fc")    opens the section on the shown tab, at that file */

window.relight = window.relight || {};

window.relight.models = (() => {
    "use strict";

    const TABS = ["txt2img", "img2img"], POLL_MS = 700, MEGA = 1e6, GIGA = 1e9;
    const rows = {}, accepted = new Set(), wanted = new Set(), polling = {};
    let areAllowed = true;
    const text = (key, values) => window.relight.text(key, values);
    const element = (tab, name) => window.relight.fields.element(tab, name);
    const places = () => [...document.querySelectorAll(".relight-models")];

    function make(tag, properties = {}, ...children) {
        const {dataset = {}, ...own} = properties, made = Object.assign(document.createElement(tag), own);
        Object.assign(made.dataset, dataset);
        made.append(...children);
        return made;
    }

    /** The answer's JSON. Throws the server's sentence. */
    async function ask(path, body) {
        const post = body && {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
        const reply = await fetch(`relight/v1/models${path}`, post), answer = await reply.json();
        if (!reply.ok) throw new Error(answer.detail);
        return answer;
    }

    const sizeOf = (bytes) => (bytes >= GIGA ? `${(bytes / GIGA).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / MEGA))} MB`);

    /* ---- one file ---- */

    function button(action, row, label) {
        const made = make("button", {type: "button", className: "relight-model-button", textContent: label, dataset: {action, name: row.name}});
        made.setAttribute("aria-label", `${label}: ${row.title}`);
        return made;
    }

    function consent(row) {
        const box = make("input", {type: "checkbox", checked: accepted.has(row.name), dataset: {name: row.name}});
        return make("label", {className: "relight-model-licence"}, box, text("acceptLicence", {licence: row.licence}));
    }

    function progress(row) {
        const bar = make("progress", {max: row.total || 1, value: row.total ? row.done : 0}), done = sizeOf(row.done);
        bar.setAttribute("aria-label", row.title);
        return [bar, make("span", {textContent: row.total ? `${done} / ${sizeOf(row.total)}` : done})];
    }

    function actions(row) {
        if (row.state === "downloading") return [...progress(row), button("cancel", row, text("cancel"))];
        if (row.state === "there" || !areAllowed) return [];
        const label = row.state === "failed" ? text("again") : row.done ? text("goOn") : text("get");
        const get = button("get", row, row.total ? `${label} (${sizeOf(row.total - row.done)})` : label);
        get.disabled = row.non_commercial && !accepted.has(row.name);
        const rest = row.done ? [button("discard", row, text("discard"))] : [];
        return [...(row.non_commercial ? [consent(row)] : []), get, ...rest];
    }

    const missingNeeds = (row) => row.needs.filter((name) => rows[name] && rows[name].state !== "there");

    function details(row) {
        if (row.state === "there") return [row.path];
        const needs = missingNeeds(row), link = make("a", {href: row.source, target: "_blank", rel: "noopener", textContent: row.licence});
        return [`${window.relight.fillText(row.needed_for)} · `, link, ...(needs.length ? [` · ${text("needs", {names: needs.join(", ")})}`] : [])];
    }

    function line(row) {
        const mark = make("span", {className: "relight-model-mark", textContent: row.state === "there" ? "✓" : "○"});
        mark.setAttribute("role", "img");
        mark.setAttribute("aria-label", text(row.state === "there" ? "isThere" : "isMissing"));
        const made = make("li", {className: "relight-model", dataset: {name: row.name, state: row.state}},
            mark, make("div", {}, make("strong", {textContent: row.title}), make("small", {}, ...details(row))), ...actions(row));
        if (row.message) {
            const message = make("p", {className: "relight-model-message", textContent: window.relight.panelMessage(row.message)});
            message.setAttribute("role", "alert");
            made.append(message);
        }
        return made;
    }

    /* ---- all files ---- */

    /** Files that the status line of a tab names. */
    function named(tab) {
        const sentence = element(tab, "notices")?.innerText || "";
        return Object.values(rows).filter(({title, name}) => sentence.includes(title) || wanted.has(name));
    }

    function titleOf(kind) {
        const key = `kind_${kind.replace(/\W/g, "_")}`;
        return key in window.relight.texts ? text(key) : kind;
    }

    function group(title, members, isOpen) {
        const there = members.filter(({state}) => state === "there").length;
        const summary = make("summary", {}, make("strong", {textContent: title}), ` ${there} / ${members.length}`);
        return make("details", {open: isOpen, dataset: {group: title}}, summary, make("ul", {}, ...members.map(line)));
    }

    function fill(place) {
        const all = Object.values(rows), first = named(place.dataset.tab), kinds = [...new Set(all.map(({kind}) => kind))];
        const open = new Set([...place.querySelectorAll("details[open]")].map(({dataset}) => dataset.group));
        const groups = kinds.map((kind) => {
            const members = all.filter((row) => row.kind === kind), title = titleOf(kind);
            return group(title, members, open.has(title));
        });
        const now = first.length ? [group(text("neededNow"), first, true)] : [];
        const note = areAllowed ? [] : [make("p", {className: "relight-help", textContent: text("noDownload")})];
        const focused = place.contains(document.activeElement) && document.activeElement.dataset;
        place.replaceChildren(...note, ...now, ...groups);
        if (focused?.name) place.querySelector(`[data-name="${focused.name}"][data-action]`)?.focus();
    }

    /** One file's line in every place, so that open groups and the focus stay; of a running download only the progress. */
    function refill(name) {
        for (const old of document.querySelectorAll(`.relight-model[data-name="${name}"]`)) {
            if (old.dataset.state === "downloading" && rows[name].state === "downloading") {
                old.querySelector("progress").replaceWith(progress(rows[name])[0]);
                old.querySelector("progress + span").textContent = progress(rows[name])[1].textContent;
                continue;
            }
            const hadFocus = old.contains(document.activeElement), made = line(rows[name]);
            old.replaceWith(made);
            if (hadFocus) made.querySelector("[data-action]")?.focus();
        }
    }

    function take(row) {
        rows[row.name] = row;
        refill(row.name);
        if (row.state === "downloading") poll(row.name);
    }

    function fail(name, error) {
        if (rows[name]) take({...rows[name], state: "failed", message: error.message});
    }

    function poll(name) {
        clearTimeout(polling[name]);
        polling[name] = setTimeout(async () => {
            try {
                const row = await ask(`/${encodeURIComponent(name)}`);
                take(row);
                if (row.state === "there") await arrived();
            } catch (error) {
                fail(name, error);
            }
        }, POLL_MS);
    }

    async function arrived() {
        await window.relight.lists.refresh();
        await load();
    }

    async function load() {
        const {models, downloads} = await ask("");
        areAllowed = downloads;
        for (const row of models) rows[row.name] = row;
        for (const place of places().filter(isOpen)) fill(place);
        for (const {name, state} of models) if (state === "downloading") poll(name);
    }

    const isOpen = (place) => place.getClientRects().length > 0;

    async function show() {
        try {
            await load();
        } catch (error) {
            for (const place of places().filter(isOpen)) place.textContent = error.message;
        }
    }

    /* ---- events ---- */

    async function act({action, name}) {
        try {
            take(await ask(`/${encodeURIComponent(name)}/${action}`, action === "get" ? {accept_licence: accepted.has(name)} : {}));
        } catch (error) {
            fail(name, error);
        }
    }

    function onClick({target}) {
        const pressed = target instanceof Element && target.closest(".relight-model-button");
        if (pressed) act(pressed.dataset);
    }

    function onTick({target}) {
        if (!(target instanceof Element && target.closest(".relight-model-licence"))) return;
        accepted[target.checked ? "add" : "delete"](target.dataset.name);
        refill(target.dataset.name);
    }

    function open(name) {
        const tab = TABS.find((each) => element(each, "enabled")?.getClientRects().length) || TABS[0];
        const section = element(tab, "models");
        if (name) wanted.add(name);
        if (!window.relight.fields.unfold(section)) show();
        section?.scrollIntoView({block: "start", behavior: "auto"});
    }

    function attach() {
        const shown = new Set();
        const opening = new IntersectionObserver((entries) => {
            for (const {target, isIntersecting} of entries) {
                if (isIntersecting && !shown.has(target)) show();
                if (isIntersecting) shown.add(target);
                else if (!isOpen(target)) shown.delete(target);
            }
        });
        for (const place of places()) opening.observe(place);
    }

    document.addEventListener("click", onClick);
    document.addEventListener("change", onTick);
    window.relight.onReady(attach);

    return {open, refresh: show};
})();
