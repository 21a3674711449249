/* The helpers that extensions' scripts find in every WebUI, and this page's progress line. */

var opts = {};
var localization = {};
var hostCallbacks = {loaded: [], update: [], afterUpdate: [], tabChange: [], optionsChanged: []};

function gradioApp() {
    return document;
}

function get_uiCurrentTab() {
    return document.querySelector("#tabs > .tab-nav > button.selected");
}

function get_uiCurrentTabContent() {
    return document.querySelector('#tabs > .tabitem[id^=tab_]:not([style*="display: none"])');
}

function onUiLoaded(callback) {
    hostCallbacks.loaded.push(callback);
}

function onUiUpdate(callback) {
    hostCallbacks.update.push(callback);
}

function onAfterUiUpdate(callback) {
    hostCallbacks.afterUpdate.push(callback);
}

function onUiTabChange(callback) {
    hostCallbacks.tabChange.push(callback);
}

function onOptionsChanged(callback) {
    hostCallbacks.optionsChanged.push(callback);
}

function onOptionsAvailable(callback) {
    callback();
}

function hostShowTab(number, args) {
    document.querySelectorAll("#tabs > .tab-nav > button")[number].click();
    return Array.from(args);
}

function switch_to_txt2img() {
    return hostShowTab(0, arguments);
}

function switch_to_img2img() {
    return hostShowTab(1, arguments);
}

/** The number of the chosen image in the shown tab's gallery, -1 without one. */
function selected_gallery_index() {
    const thumbnails = get_uiCurrentTabContent().querySelectorAll(".thumbnail-item.thumbnail-small");
    return Array.from(thumbnails).findIndex((item) => item.classList.contains("selected"));
}

/** The chosen image of the shown tab's gallery, else the first, as the event's one argument. */
function extract_image_from_gallery(gallery) {
    return gallery && gallery.length ? [[gallery[Math.max(selected_gallery_index(), 0)]]] : [null];
}

/** Tell gradio that a field was changed from a script. */
function updateInput(target) {
    target.dispatchEvent(new Event("input", {bubbles: true}));
}

function uiElementIsVisible(element) {
    return element === document || (getComputedStyle(element).display !== "none" && uiElementIsVisible(element.parentNode));
}

function uiElementInSight(element) {
    const box = element.getBoundingClientRect();
    return box.bottom > 0 && box.top < window.innerHeight;
}

function hostRun(name, argument) {
    for (const callback of hostCallbacks[name]) {
        try {
            callback(argument);
        } catch (error) {
            console.error("error running callback", callback, error);
        }
    }
}

(function watchPage() {
    let loaded = false, tab = null, afterUpdate = null;
    const react = (mutations) => {
        if (!loaded && document.querySelector("#txt2img_prompt")) {
            loaded = true;
            hostRun("loaded");
        }
        hostRun("update", mutations);
        clearTimeout(afterUpdate);
        afterUpdate = setTimeout(() => hostRun("afterUpdate"), 200);
        const current = get_uiCurrentTab();
        if (current && current !== tab) {
            tab = current;
            hostRun("tabChange");
        }
    };
    addEventListener("DOMContentLoaded", () => {
        new MutationObserver(react).observe(document.body, {childList: true, subtree: true});
        react([]);
    });
})();

/* ---- the accordion with a checkbox ---- */

function inputAccordionChecked(id, checked) {
    const accordion = document.getElementById(id);
    if (accordion && accordion.setChecked) accordion.setChecked(checked);
}

function setupInputAccordion(accordion) {
    const title = accordion.querySelector(".label-wrap");
    const hidden = document.querySelector(`#${CSS.escape(accordion.id)}-checkbox input`);
    if (!title || !hidden || accordion.setChecked) return;
    const isOpen = () => title.classList.contains("open");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.id = `${accordion.id}-visible-checkbox`;
    box.className = `${hidden.className} input-accordion-checkbox`;
    box.checked = hidden.checked;
    title.querySelector("span").prepend(box);
    const extra = document.getElementById(`${accordion.id}-extra`);
    if (extra) title.insertBefore(extra, title.lastElementChild);

    let follows = true;
    const tell = () => {
        if (hidden.checked === box.checked) return;
        hidden.checked = box.checked;
        updateInput(hidden);
    };
    accordion.setChecked = (checked) => {
        box.checked = checked;
        if (follows && isOpen() !== checked) title.click();
        tell();
    };
    box.addEventListener("click", (event) => {
        follows = false;
        event.stopPropagation();
    });
    box.addEventListener("input", tell);
    new MutationObserver(() => {
        accordion.classList[isOpen() ? "add" : "remove"]("input-accordion-open");
        if (follows) {
            box.checked = isOpen();
            tell();
        }
    }).observe(title, {attributes: true, attributeFilter: ["class"]});
}

onUiUpdate(() => {
    for (const accordion of document.querySelectorAll(".input-accordion")) setupInputAccordion(accordion);
});

/* ---- the viewer: the chosen result full size ---- */

function closeModal() {
    document.getElementById("lightboxModal").style.display = "none";
}

addEventListener("DOMContentLoaded", () => {
    const viewer = Object.assign(document.createElement("div"), {id: "lightboxModal", tabIndex: 0, onclick: closeModal});
    viewer.innerHTML = '<div class="modalControls"><span class="modalClose cursor" title="Close">&times;</span></div><img alt="">';
    document.body.append(viewer);
    document.addEventListener("click", ({target}) => {
        if (!target.matches("[id$=img_gallery] .preview img") || target.closest(".thumbnails")) return;
        viewer.querySelector("img").src = target.src;
        viewer.style.display = "flex";
        viewer.focus();
    });
});

/* ---- a job: its id, the buttons, the progress line ---- */

function hostSetRunning(tab, running) {
    for (const part of ["generate", "interrupt", "skip"]) {
        const button = document.getElementById(`${tab}_${part}`);
        if (button) button.style.display = (part === "generate") === running ? "none" : "";
    }
    document.getElementById(`${tab}_results_panel`)?.classList.toggle("host-running", running);
}

function hostShowProgress(tab, answer) {
    const line = document.getElementById(`${tab}_progress`);
    if (!line) return;
    const fraction = answer.progress || 0;
    const left = answer.eta ? `, ${Math.ceil(answer.eta)} s left` : "";
    const doing = answer.textinfo ? `${answer.textinfo} ` : "";
    const text = answer.active ? `${doing}${Math.round(fraction * 100)}%${left}` : answer.queued ? answer.textinfo : "";
    line.innerHTML = '<div class="host-progress"><div class="host-progress-bar"></div><span></span></div>';
    line.querySelector(".host-progress-bar").style.width = `${fraction * 100}%`;
    line.querySelector("span").textContent = text;
}

onUiLoaded(() => {
    for (const tab of ["txt2img", "img2img"]) hostSetRunning(tab, false);
    for (const button of document.querySelectorAll("#paste")) {
        button.title = "Read the infotext in the prompt into the page";
    }
});

async function hostFollow(tab, task) {
    const line = document.getElementById(`${tab}_progress`);
    let preview = -1, waited = 0;
    while (true) {
        await new Promise((done) => setTimeout(done, 400));
        const answer = await fetch("internal/progress", {
            method: "POST", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({id_task: task, id_live_preview: preview, live_preview: false}),
        }).then((reply) => reply.json()).catch(() => ({completed: true}));
        if (answer.completed || (!answer.active && !answer.queued && ++waited > 25)) break;
        hostShowProgress(tab, answer);
    }
    line.innerHTML = "";
    hostSetRunning(tab, false);
}

function hostSubmit(tab, args) {
    const values = Array.from(args);
    const task = `task(${tab}-${Math.random().toString(36).slice(2, 9).toUpperCase()})`;
    values[0] = task;
    hostSetRunning(tab, true);
    hostFollow(tab, task);
    return values;
}

function submit() {
    return hostSubmit("txt2img", arguments);
}

function submit_img2img() {
    return hostSubmit("img2img", arguments);
}

addEventListener("keydown", (pressed) => {
    const content = get_uiCurrentTabContent();
    if (content && pressed.key === "Enter" && (pressed.ctrlKey || pressed.metaKey)) {
        content.querySelector("button[id$=_generate]").click();
        pressed.preventDefault();
    }
});
