/* Copies the light of a photo: a button at the field "Further lights" that puts the lights found in an image file on the pad. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TABS = ["txt2img", "img2img"];
    const text = (key, values) => window.relight.text(key, values);

    function readFile(file) {
        return new Promise((resolve, reject) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.onerror = () => reject(reader.error);
            reader.readAsDataURL(file);
        });
    }

    /** Entries of `lights` found in an image file. Throws the server's sentence. */
    async function lightsOf(file) {
        const reply = await fetch("relight/v1/preview/light-from", {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({iclight: {light_from: await readFile(file)}}),
        });
        const answer = await reply.json();
        if (!reply.ok) throw new Error(answer.detail);
        return answer.info.lights;
    }

    async function copy(tab, file, button, status) {
        button.disabled = true;
        status.textContent = text("copyingLight");
        try {
            const lights = await lightsOf(file);
            window.relight.pads[tab].setLights(lights, 0);
            status.textContent = text("lightCopied", {count: lights.length});
        } catch (error) {
            status.textContent = window.relight.panelMessage(error.message);
        }
        button.disabled = false;
    }

    function addButton(tab) {
        const field = window.relight.fields.element(tab, "lights");
        if (!field || field.querySelector(".relight-copy-light")) return;
        const {make} = window.relight.padElements;
        const button = make("button", {type: "button", className: "relight-button", textContent: text("copyLight"), title: text("copyLightHelp")});
        const input = make("input", {type: "file", accept: "image/*", hidden: true, "aria-label": text("copyLight")});
        const status = make("span", {role: "status"});
        button.addEventListener("click", () => input.click());
        input.addEventListener("change", () => {
            const [file] = input.files;
            if (file) copy(tab, file, button, status);
            input.value = "";
        });
        field.append(make("div", {className: "relight-copy-light"}, button, input, status));
    }

    const addButtons = () => TABS.forEach(addButton);

    window.relight.onReady(addButtons);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(() => window.relight.padElements && addButtons());
})();
