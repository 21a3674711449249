/* For the button "Use this light" below the results: which result is selected, and its image if it is a normal map. */

window.relight = window.relight || {};

window.relight.useLight = (() => {
    "use strict";

    const NORMAL_MAP = "Relight normal map";

    /** The infotexts of the results; none from an answer that cannot be read. */
    function infotexts(info) {
        try {
            return JSON.parse(info).infotexts || [];
        } catch {
            return [];
        }
    }

    /** For gradio: replaces the button's first input, which the results' infotexts follow, by {index, image} as JSON. */
    async function withSelection(tab, values, index) {
        const number = typeof selected_gallery_index === "function" ? selected_gallery_index() : 0;
        const image = document.querySelectorAll(`#${tab}_gallery .thumbnail-small img`)[number];
        const isMap = infotexts(values[index + 1])[number] === NORMAL_MAP && image;
        const selected = {index: number, image: isMap ? await window.relight.subject.dataUrl(image) : null};
        return values.map((value, i) => (i === index ? JSON.stringify(selected) : value));
    }

    return {withSelection};
})();
