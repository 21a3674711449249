/* The status line: its button mends the first problem, and a job that was rejected is reported there, and by a toast. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TABS = ["txt2img", "img2img"], SAME_PLACE = 8, CLICK_MS = 350;  // a tap's click comes up to 300 ms after its release
    const element = (tab, name) => window.relight.fields.element(tab, name);
    /** Whether the log of a tab's last job was read, and whether that job has had its toast; hosts may write a log more than once. */
    const wasRead = {}, hasToast = {};
    let pressed = null;
    const into = (target) => target?.scrollIntoView({block: "center", behavior: "auto"});

    /** Open the file dialog of an image field, after its unit's tab. */
    function choose(tab, name) {
        const unit = /^unit(\d)_/.exec(name)?.[1];
        element(tab, "enabled").querySelectorAll(".tab-nav > button")[unit ? Number(unit) : 0]?.click();
        const field = name === "init_image" ? document.getElementById("img2img_image") : element(tab, name);
        into(field);
        field?.querySelector("input[type=file]")?.click();
    }

    function chooseCheckpoint() {
        const field = document.querySelector("#setting_sd_model_checkpoint :is(input, select)");
        into(field);
        field?.focus();
    }

    const ACTIONS = {
        set: (tab, values) => window.relight.fields.set(tab, values), choose,
        host: (tab, values) => Object.entries(values).forEach(([id, value]) => window.relight.fields.setHost(tab, id, value)),
        models: () => window.relight.models.open(), checkpoint: chooseCheckpoint,
    };

    /** What the button at an element does; undefined for anything else. */
    function remedyAt(target) {
        const button = target instanceof Element && target.closest(".relight-remedy");
        if (button) return {tab: button.closest("[id$=_relight_enabled]").id.split("_")[1], actions: JSON.parse(button.dataset.action)};
    }

    function run({tab, actions}) {
        pressed = null;
        for (const [name, value] of Object.entries(actions)) ACTIONS[name](tab, value);
        window.relight.previews.refresh(tab);
    }

    function onClick({target}) {
        const remedy = remedyAt(target);
        if (remedy) run(remedy);
    }

    function onPress({target, button, isPrimary, clientX, clientY}) {
        const remedy = isPrimary && button === 0 && remedyAt(target);
        pressed = remedy ? {...remedy, x: clientX, y: clientY} : null;
    }

    /** A line that is redrawn between press and release gets no click from the browser. */
    function onRelease({clientX, clientY}) {
        const press = pressed;
        if (!press || Math.hypot(clientX - press.x, clientY - press.y) > SAME_PLACE) return;
        setTimeout(() => pressed === press && run(press), CLICK_MS);
    }

    /* ---- rejected jobs ---- */

    const isEnabled = (tab) => document.querySelector(`#script_${tab}_relight_enabled-visible-checkbox`)?.checked;
    const rejectionOf = (tab) => element(tab, "enabled")?.querySelector(".relight-rejection");

    /** The message of a job that ended without an image: hosts report it as error, or as comment where they swallow errors. */
    function messageOf(tab) {
        const log = document.getElementById(`html_log_${tab}`), error = log?.querySelector(".error");
        const comment = document.querySelector(`#${tab}_gallery img`) ? null : log?.querySelector(".comments");
        return (error || comment)?.innerText.trim().replace(/^\w+Error: /, "") || "";
    }

    function report(tab, message) {
        const notices = element(tab, "notices"), accordion = element(tab, "enabled");
        const listed = [...notices.querySelectorAll("li")].find((line) => line.innerText.includes(message));
        window.relight.fields.unfold(accordion);
        if (!listed) {
            notices.parentElement.prepend(Object.assign(document.createElement("p"), {className: "relight-rejection", textContent: message}));
        }
        into(listed || rejectionOf(tab));
    }

    function onLog(tab) {
        wasRead[tab] = true;
        rejectionOf(tab)?.remove();
        const message = isEnabled(tab) && window.relight.panelMessage(messageOf(tab));
        if (!message) return;
        report(tab, message);
        if (!hasToast[tab]) window.relight.toast.show(tab, message);
        hasToast[tab] = true;
    }

    function onGenerate(tab) {
        rejectionOf(tab)?.remove();
        window.relight.toast.hide(tab);
        wasRead[tab] = hasToast[tab] = false;
    }

    /** gradio renders once in a frame: of a job that begins and ends within one, it renders nothing if the log equals the last one. */
    function onEnd(tab, log) {
        requestAnimationFrame(() => requestAnimationFrame(() => {
            if (!wasRead[tab] && window.relight.fields.logOf(log) !== null) onLog(tab);
        }));
    }

    /** Call back at the end of a tab's jobs, when the host shows Generate again or hides Interrupt. */
    function watchJobs(tab, callback) {
        const [generate, interrupt] = ["generate", "interrupt"].map((name) => document.getElementById(`${tab}_${name}`));
        if (!generate || !interrupt) return;
        let wasRunning = false;
        const observer = new MutationObserver(() => {
            const isRunning = generate.style.display === "none" || interrupt.style.display === "block";
            if (wasRunning && !isRunning) callback();
            wasRunning = isRunning;
        });
        for (const button of [generate, interrupt]) observer.observe(button, {attributes: true, attributeFilter: ["style"]});
    }

    function attach() {
        for (const tab of TABS) {
            const log = document.getElementById(`html_log_${tab}`);
            if (element(tab, "notices") && log) {
                window.relight.fields.watch(log, window.relight.fields.logOf, () => onLog(tab));
                watchJobs(tab, () => onEnd(tab, log));
            }
            document.getElementById(`${tab}_generate`)?.addEventListener("click", () => onGenerate(tab));
        }
    }

    document.addEventListener("click", onClick);
    document.addEventListener("pointerdown", onPress, true);
    document.addEventListener("pointerup", onRelease, true);
    document.addEventListener("pointercancel", () => (pressed = null), true);
    window.relight.onReady(attach);
})();
