/* All texts of Relight's scripts, and their translation through the host's localization table. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TEXTS = {
        pad: "Light pad",
        empty: "Click where the light should come from.",
        custom: "Your own light map; the file is below.",
        kind: "Kind of light",
        add: "Add a light",
        remove: "Remove this light",
        undo: "Undo",
        redo: "Redo",
        restored: "Restored: {names}.",
        redone: "Redone: {names}.",
        reset: "Reset this light",
        mapOnly: "Show the light map only: what sampling starts from",
        cutOut: "Show the subject cut out",
        mattingMenu: "Cut-out",
        mattingMenuHelp: "How the subject is cut out: by its transparency or a model (automatic), by your mask, or not at all.",
        setMenu: "Images",
        setMenuHelp: "One image, or several lights in one job with an image for each.",
        cutting: "Cutting out the subject…",
        lights: "Lights",
        light: "Light {number}",
        color: "Colour",
        colorHelp: "The light's colour; white keeps the light map grey.",
        kelvin: "Temperature",
        kelvinHelp: "The colour of a lamp of this temperature: candle 1900 K, bulb 2700 K, daylight 6600 K.",
        kelvinNone: "custom",
        intensity: "Intensity",
        intensityHelp: "How bright the light is: 0 leaves only its shadow side, 100 % is the model's own light, 200 % doubles it.",
        gamma: "Softness",
        gammaHelp: "To the right the light is soft and reaches further, to the left it is hard and stays near its side.",
        radius: "Radius",
        radiusHelp: "How far the spot reaches, as a share of the image's longer side.",
        elevationHelp: "Elevation: drag up for a light from the front, down for one from behind; the wheel over the light's handle, too.",
        place: "Place of the subject",
        placeHelp: "Drag to move the subject on its new background; the wheel scales it, a double click puts it back.",
        scaleHelp: "Drag to scale the subject.",
        placeWords: "{across} % across, {down} % down, {scale} % of its size",
        placeKeys: "Arrow keys move the subject, plus and minus scale it, Home puts it back.",
        inFront: "{words}, {degrees}° from the front",
        behind: "{words}, {degrees}° from behind",
        ofColor: "{words}, colour {color}",
        txt2imgSubject: "Send to Relight: use this image as the subject in txt2img.",
        img2imgSubject: "Send to Relight: use this image as the subject in img2img.",
        notImage: "{name} is not an image; choose a PNG, JPEG or WebP file.",
        unreadableImage: "{name} cannot be read as an image; choose an undamaged PNG, JPEG or WebP file.",
        maskRemoved: "The mask belonged to the image before and was removed.",
        normalMapRemoved: "The normal map belonged to the image before and was removed.",
        copyLight: "Copy the light of a photo",
        copyLightHelp: "Replaces the lights on the pad by one to three lights and ambient light found on the subject of an image.",
        copyingLight: "Finding the light…",
        lightCopied: "{count} lights were copied; the pad changes them, and Undo takes them back.",
        initIsSubject: "img2img image · use another",
        unitWithoutImage: "no image",
        unitOff: "off",
        imagePrompt: "1 image prompt",
        imagePrompts: "{count} image prompts",
        notFound: "{name} (not found)",
        get: "Get",
        goOn: "Get the rest",
        again: "Get again",
        cancel: "Cancel",
        close: "Close",
        discard: "Delete the part",
        needs: "needs {names}",
        isThere: "there",
        isMissing: "missing",
        kind_image_encoder: "Image encoders",
        kind_face_model: "Face models",
        kind_negative_tokens: "Negative tokens",
        kind_matting_model: "Matting models",
        neededNow: "Needed now",
        acceptLicence: "I accept the licence: {licence}",
        noDownload: "Downloads are switched off by --relight-no-download; save the files in their folders yourself.",
        refreshLists: "Refresh all lists of files",
        keys: "Arrow keys move it, Page up and Page down change its elevation, plus and minus a spot's radius, Delete removes it, Home resets it.",
    };

    const HOLE = /\{\d\}/g;
    const FIELD = /`(?:unit(\d)_)?(\w+)`/g, OF_UNIT = /\bunit\b|adapter/i, OF_TAB = /^(Image \d): (.*)$/;
    const PLACES = ".relight-notices, .relight-note, .relight-preview, .relight-part, #html_log_txt2img, #html_log_img2img";
    const watched = new WeakSet();
    let table = null, patterns = [], labels = null;

    /** A text in the page's language; {name} is replaced by values.name. */
    window.relight.text = (key, values = {}) => window.relight.fillText(TEXTS[key], values);

    /** The same for an English text of the localization table. */
    window.relight.fillText = (english, values = {}) => {
        const translated = (window.localization && window.localization[english]) || english;
        return translated.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    };
    window.relight.texts = TEXTS;

    /** Table entries with placeholders {0}, {1} as patterns, most literal text first. */
    function compiled() {
        const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
        return Object.entries(table).filter(([english]) => english.match(HOLE)).map(([english, words]) => {
            const parts = english.split(HOLE);
            return {words, literal: parts.join("").length, pattern: new RegExp(`^${parts.map(escaped).join("([^]*?)")}$`)};
        }).sort((a, b) => b.literal - a.literal);
    }

    /** A server message in the page's language, else unchanged. Values of several words, and such parts of lists, are translated as well. */
    window.relight.translated = (sentence) => {
        if (table !== window.localization) {
            table = window.localization || {};
            patterns = compiled();
        }
        if (Object.hasOwn(table, sentence)) return table[sentence];
        for (const {pattern, words} of patterns) {
            const values = pattern.exec(sentence)?.slice(1);
            if (values) return words.replace(HOLE, (hole) => inWords(values[hole[1]]));
        }
        return sentence;
    };

    const inWords = (value) => {
        const ofSeveral = (words) => (/\s/.test(words) ? window.relight.translated(words) : words), whole = ofSeveral(value);
        return whole === value ? value.split(", ").map(ofSeveral).join(", ") : whole;
    };

    function allLabels() {
        labels ??= JSON.parse(document.querySelector(".relight-notices-of")?.dataset.labels || "null");
        return labels || {light: {}, unit: {}};
    }

    /** A field's label in the page's language, with its tab for a unit's. */
    window.relight.labelOf = (field) => {
        const {light, unit} = allLabels(), [, number, name] = /^(?:unit(\d)_)?(.*)$/.exec(field);
        const label = window.relight.fillText((number ? unit : light)[name] || name);
        return number ? `${window.relight.fillText(`Image ${number}`)}: ${label}` : label;
    };

    /** Replaces the API's field names by the panel's labels. english: the untranslated sentence, which tells whose fields it names. */
    function withLabels(sentence, english) {
        const {light, unit} = allLabels(), known = OF_UNIT.test(english) ? {...light, ...unit} : {...unit, ...light};
        return sentence.replace(FIELD, (whole, number, name) => {
            const label = number ? unit[name] : Object.hasOwn(known, name) && known[name];
            return label ? `“${number ? `${window.relight.fillText(`Image ${number}`)}: ` : ""}${window.relight.fillText(label)}”` : whole;
        });
    }

    /** A server message as the panel shows it: in the page's language, with labels in place of field names. */
    window.relight.panelMessage = (sentence) => {
        const [, unit, rest] = OF_TAB.exec(sentence) || [];
        if (!unit) return withLabels(window.relight.translated(sentence), sentence);
        return `${window.relight.fillText(unit)}: ${withLabels(window.relight.translated(rest), `unit ${rest}`)}`;
    };

    /** Rewrites server messages below an element; the host's log prefixes errors with their class name. */
    function translate(place) {
        const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const {data} = texts.currentNode, english = data.trim().replace(/^\w+Error: /, "");
            const words = english && window.relight.panelMessage(english);
            if (words !== english) texts.currentNode.data = words;
        }
    }

    /** Hosts translate fixed texts only; messages with values in them are translated here. */
    function watch() {
        for (const place of document.querySelectorAll(PLACES)) {
            if (watched.has(place)) continue;
            watched.add(place);
            new MutationObserver(() => translate(place)).observe(place, {childList: true, subtree: true, characterData: true});
            translate(place);
        }
    }

    window.relight.onReady(watch);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(watch);
})();
