/* Every sentence that Relight's scripts show. The hosts' localization table may hold a translation of each. */

window.relight = window.relight || {};

(() => {
    "use strict";

    const TEXTS = {
        pad: "Light pad",
        padHelp: "Drag the light. The pad shows the light that sampling starts from, not the finished picture.",
        empty: "Click where the light should come from.",
        custom: "Your own light map; the file is below.",
        kind: "Kind of light",
        none: "None",
        direction: "Direction",
        spot: "Spot",
        ambient: "Ambient",
        own: "Own map",
        add: "Add a light",
        remove: "Remove this light",
        undo: "Undo",
        redo: "Redo",
        reset: "Reset this light",
        mapOnly: "Light map only",
        cutOut: "Cut out the subject",
        cutting: "Cutting out the subject…",
        lights: "Lights",
        light: "Light {number}",
        color: "Colour",
        colorHelp: "The light's colour; white keeps the light map grey.",
        kelvin: "Temperature",
        kelvinHelp: "The colour of a lamp of this temperature: candle 1900 K, bulb 2700 K, daylight 6600 K.",
        kelvinNone: "not a lamp's",
        gamma: "Fall-off",
        gammaHelp: "Above 1 the light stays near its side, below 1 it reaches further.",
        start: "Bright end",
        startHelp: "Grey level on the lit side.",
        end: "Dark end",
        endHelp: "Grey level on the side away from the light.",
        radius: "Radius",
        radiusHelp: "How far the spot reaches, as a share of the picture's longer side.",
        ownRange: "{value} (the model's own)",
        fromLeft: "from the left",
        fromRight: "from the right",
        fromTop: "from above",
        fromBottom: "from below",
        fromTopLeft: "from the top left corner",
        fromTopRight: "from the top right corner",
        fromBottomLeft: "from the bottom left corner",
        fromBottomRight: "from the bottom right corner",
        fromAngle: "from {degrees} degrees",
        spotAt: "spot at {x} % across and {y} % down, radius {radius} %",
        ambientAt: "ambient, brightness {level}",
        ofColor: "{words}, colour {color}",
        keys: "Arrow keys move it, plus and minus change a spot's radius, Delete removes it, Home resets it.",
    };

    /** The sentence in the page's language; {name} is replaced by values.name. */
    window.relight.text = (key, values = {}) => {
        const english = TEXTS[key];
        const translated = (window.localization && window.localization[english]) || english;
        return translated.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    };
    window.relight.texts = TEXTS;
})();
