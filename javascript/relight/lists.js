/* The lists of files: a refresh button at each of them, one press for all lists of the page, and a mark at a chosen file that is not there.

   relight.lists.refresh()    Promise, resolved when every list has its new entries */

window.relight = window.relight || {};

window.relight.lists = (() => {
    "use strict";

    const TABS = ["txt2img", "img2img"], ANSWER_MS = 15000;
    const ENDING = /( \[\w+\])?$|\.(safetensors|bin|pt|pth|ckpt)( \[\w+\])?$/;
    const chosen = {txt2img: {}, img2img: {}};
    const element = (tab, name) => window.relight.fields.element(tab, name);
    const place = (tab) => document.querySelector(`.relight-lists-of[data-tab="${tab}"]`);
    const parsed = new WeakMap();

    /** {lists: key -> entries, fields: field -> key of its list} of a tab. */
    function data(tab) {
        const found = place(tab);
        if (!found) return {lists: {}, fields: {}};
        if (!parsed.has(found)) parsed.set(found, {lists: JSON.parse(found.dataset.lists), fields: JSON.parse(found.dataset.fields)});
        return parsed.get(found);
    }

    const isFace = (tab, model) => !!data(tab).lists.face?.includes(model);

    /** A file's name without folder, ending and ControlNet's hash. */
    const stem = (name) => name.split("/").pop().replace(ENDING, "");

    const isListed = (entries, value) => entries.includes(value) || entries.some((entry) => stem(entry) === stem(value));

    /** Mark a field whose chosen file is not found. */
    function mark(tab, name, value) {
        const {lists, fields} = data(tab), entries = lists[fields[name]], field = element(tab, name);
        if (!entries || !field) return;
        chosen[tab][name] = value;
        let note = field.querySelector(".relight-not-found");
        const isMissing = typeof value === "string" && value !== "" && !isListed(entries, value);
        if (!note && isMissing) {
            note = Object.assign(document.createElement("span"), {className: "relight-not-found"});
            note.setAttribute("role", "status");
            field.append(note);
        }
        if (note) note.textContent = isMissing ? window.relight.text("notFound", {name: value}) : "";
    }

    /** The pad's menu of matting models. */
    function fillMenu(tab) {
        const select = window.relight.pads?.[tab]?.view?.menus?.matting?.select, entries = data(tab).lists.matting || [];
        if (!select) return;
        for (const option of [...select.options]) if (!entries.includes(option.value) && !option.selected) option.remove();
        const there = new Set([...select.options].map(({value}) => value));
        for (const entry of entries) if (!there.has(entry)) select.add(new Option(entry, entry));
    }

    function refreshTab(tab) {
        const box = element(tab, "lists_of");
        if (!box) return Promise.resolve();
        return new Promise((resolve) => {
            const before = place(tab), done = () => {
                observer.disconnect();
                clearTimeout(timer);
                resolve();
            };
            const observer = new MutationObserver(() => place(tab) !== before && done());
            const timer = setTimeout(done, ANSWER_MS);
            observer.observe(box, {childList: true, subtree: true});
            window.relight.fields.press(tab, "lists_refresh");
        });
    }

    async function refresh() {
        await Promise.all(TABS.map(refreshTab));
        for (const tab of TABS) {
            for (const [name, value] of Object.entries(chosen[tab])) mark(tab, name, value);
            fillMenu(tab);
            window.relight.previews.refresh(tab);
        }
    }

    function addButtons() {
        for (const tab of TABS) {
            for (const name of Object.keys(data(tab).fields)) {
                const field = element(tab, name);
                if (!field || field.querySelector(":scope > .relight-refresh")) continue;
                const label = window.relight.text("refreshLists");
                const button = Object.assign(document.createElement("button"), {type: "button", className: "relight-refresh", textContent: "\u{1f504}", title: label});
                button.setAttribute("aria-label", label);
                field.append(button);
            }
        }
    }

    async function onClick({target}) {
        const button = target instanceof Element && target.closest(".relight-refresh");
        if (!button || button.disabled) return;
        button.disabled = true;
        await refresh();
        button.disabled = false;
    }

    document.addEventListener("click", onClick);
    window.relight.onReady(() => {
        addButtons();
        for (const tab of TABS) window.relight.fields.onChange(tab, ({model}) => mark(tab, "model", model));
    });
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(() => window.relight.text && addButtons());

    return {isFace, mark, refresh};
})();
