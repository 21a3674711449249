/* What the page must give to a plain script. */
window.probeScript = {loaded: 0};
onUiLoaded(() => {
    window.probeScript.loaded += 1;
    window.probeScript.prompt = gradioApp().querySelector("#txt2img_prompt textarea") !== null;
});
