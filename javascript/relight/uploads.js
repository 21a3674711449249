/* Checks files before the panel's image fields take them: a file that is no readable image leaves a sentence at its field.
   img2img's own field takes every file as the host does, and gets the sentence only. */

window.relight = window.relight || {};

(() => {
    "use strict";

    /** Types that every browser decodes; other images are left to the server. */
    const DECODED = /^image\/(png|jpeg|webp|gif|bmp)$/;
    const passed = new WeakSet();

    const columnOf = (target) => (target instanceof Element ? target.closest(".relight-image-field, #img2img_image") : null);
    const isHosts = (column) => column.id === "img2img_image";

    /** The sentence about a file that cannot become an image, or "". */
    async function problemOf(file) {
        if (!file.type.startsWith("image/") && file.type !== "") return window.relight.text("notImage", {name: file.name});
        if (file.type !== "" && !DECODED.test(file.type)) return "";
        try {
            (await createImageBitmap(file)).close();
            return "";
        } catch {
            return window.relight.text(file.type === "" ? "notImage" : "unreadableImage", {name: file.name});
        }
    }

    function report(column, sentence) {
        let place = column.querySelector(".relight-file-error");
        if (!place) {
            place = Object.assign(document.createElement("p"), {className: "relight-file-error"});
            place.setAttribute("role", "alert");
            column.append(place);
        }
        place.textContent = sentence;
        place.hidden = !sentence;
    }

    async function onChoose(event) {
        const input = event.target, column = columnOf(input);
        if (!column || input.type !== "file" || !input.files.length || passed.has(event)) return;
        if (!isHosts(column)) event.stopImmediatePropagation();
        const problem = await problemOf(input.files[0]);
        report(column, problem);
        if (isHosts(column)) return;
        if (problem) {
            input.value = "";
            return;
        }
        const again = new Event("change", {bubbles: true});
        passed.add(again);
        input.dispatchEvent(again);
    }

    /** A dropped file's content is known too late to hold the event back; its type is not. */
    function onDrop(event) {
        const column = columnOf(event.target), file = event.dataTransfer?.files[0];
        if (!column || !file) return;
        problemOf(file).then((problem) => report(column, problem));
        if (isHosts(column) || file.type === "" || file.type.startsWith("image/")) return;
        event.preventDefault();
        event.stopImmediatePropagation();
    }

    window.addEventListener("change", onChoose, true);
    window.addEventListener("drop", onDrop, true);
})();
