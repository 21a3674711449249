"""Measures the panel's layout: heights, the pad's size, and the controls in sight on the open tab."""

MEASURE = """
const [root] = arguments, accordion = document.querySelector(root), box = (css) => accordion.querySelector(css).getBoundingClientRect();
const isSeen = (element) => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
const tab = [...accordion.querySelectorAll(".tabitem")].find(isSeen);
const controls = [...tab.querySelectorAll("button, input, select, textarea, [role=button], [role=slider]")].filter((element) =>
    isSeen(element) && !element.disabled && !["file", "hidden"].includes(element.type) && !element.closest("[role=button] [role=button]"));
const names = controls.map((element) => element.type === "radio" ? `radio ${element.name}` : element);
return {
    height: Math.round(accordion.getBoundingClientRect().height), pad: Math.round(box(".relight-pad-stage").height),
    padWidth: Math.round(box(".relight-pad-stage").width), width: Math.round(accordion.getBoundingClientRect().width),
    controls: new Set(names).size, components: window.gradio_config.components.length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    names: [...new Set(names)].map((element) => typeof element === "string" ? element : element.id || element.getAttribute("aria-label") || element.title || element.outerHTML.slice(0, 90)),
};
"""


def measure(accordion):
    """The open accordion's measures. controls: those of the open tab that can be used; a group of radios counts as one."""
    return accordion.driver.execute_script(MEASURE, accordion.css("enabled"))
