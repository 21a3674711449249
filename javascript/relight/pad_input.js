/* Pointer and keyboard input of the light pad. */

window.relight = window.relight || {};

window.relight.padInput = (() => {
    "use strict";

    const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    const SNAP = {mouse: 10, pen: 10, touch: 16};
    const SNAP_DEGREES = 4;
    const ZOOM = 1.05;
    const indexOf = (target) => Number(target.closest("[data-index]")?.dataset.index ?? -1);

    /** Pointer position [u, v] as shares of the frame; may lie outside 0..1. */
    function placeOf(pad, event) {
        const box = pad.view.frame.getBoundingClientRect();
        return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    }

    function moveSelected(pad, event) {
        const box = pad.view.frame.getBoundingClientRect(), [u, v] = placeOf(pad, event), light = pad.selected;
        if (!light || !pad.model.kindOf(light).place) return;
        if (pad.drag?.tilt) {
            const track = pad.view.tilt.getBoundingClientRect(), degrees = 90 - 180 * (event.clientY - track.top) / track.height;
            const near = Math.abs(degrees) < SNAP_DEGREES ? 0 : pad.model.clip(Math.round(degrees), -90, 90);
            pad.change({...light, light_elevation: near});
            return;
        }
        if (pad.drag?.radius) {
            const longer = Math.max(box.width, box.height), [a, b] = pad.model.placeOf(light, box.width, box.height, pad.state.kind);
            const away = Math.hypot((u - a) * box.width, (v - b) * box.height) / longer;
            pad.change({...light, light_radius: pad.model.round(pad.model.clip(away, 0.01, 2), 2)});
            return;
        }
        const [du, dv] = pad.drag?.grab || [0, 0];
        const snap = SNAP[event.pointerType] || SNAP.mouse;
        pad.change(pad.model.moveTo(light, u - du, v - dv, box.width, box.height, snap));
    }

    /** Move or scale the subject by the way of the pointer since it took one of its handles. */
    function moveSubject(pad, event) {
        const {subject, from: {place}, at} = pad.drag, now = placeOf(pad, event), {frame} = pad.view;
        if (subject === "place") {
            pad.setPlace({...place, x: place.x + now[0] - at[0], y: place.y + now[1] - at[1]});
            return;
        }
        const away = ([u, v]) => Math.hypot((u - place.x) * frame.clientWidth, (v - place.y) * frame.clientHeight);
        pad.setPlace({...place, scale: place.scale * away(now) / Math.max(away(at), 1)});
    }

    function zoom(pad, factor) {
        const {place} = pad.spot;
        pad.setPlace({...place, scale: place.scale * factor});
    }

    /** Offset of the pointer from the handle's centre, so that the handle does not jump; 0 for directions. */
    function grabOf(pad, event) {
        const light = pad.selected, [u, v] = placeOf(pad, event);
        if (pad.model.kindOf(light).isAngle) return [0, 0];
        const [a, b] = pad.model.placeOf(light, pad.state.width, pad.state.height, pad.state.kind);
        return [u - a, v - b];
    }

    /** Touch drags handles only, so that the rest scrolls the page; a tap arrives as the stage's click. */
    function onDown(pad, event) {
        if (event.button !== 0) return;
        const handle = event.target.closest(".relight-pad-handle"), grip = event.target.closest(".relight-pad-grip");
        if (event.pointerType === "touch" && !handle && !grip) return;
        event.preventDefault();
        if (grip?.dataset.moves) {
            pad.drag = {subject: grip.dataset.moves, from: pad.spot, at: placeOf(pad, event), id: event.pointerId};
            grip.setPointerCapture(event.pointerId);
            pad.root.classList.add("relight-pad-dragging");
            return;
        }
        if (handle) pad.select(indexOf(handle));
        const tilt = !!event.target.closest(".relight-pad-tilt-grip");
        pad.drag = {tilt, radius: !!grip && !tilt, grab: handle ? grabOf(pad, event) : [0, 0], id: event.pointerId};
        if (!handle && !pad.selected) pad.add();
        (handle || grip || pad.view.stage).setPointerCapture(event.pointerId);
        pad.root.classList.add("relight-pad-dragging");
        if (!handle && !grip) moveSelected(pad, event);
    }

    function onMove(pad, event) {
        if (pad.drag?.id !== event.pointerId) return;
        if (pad.drag.subject) moveSubject(pad, event);
        else moveSelected(pad, event);
    }

    function onUp(pad, event) {
        if (pad.drag?.id !== event.pointerId) return;
        const {subject} = pad.drag;
        pad.drag = null;
        pad.root.classList.remove("relight-pad-dragging");
        pad.record();
        pad.write();
        pad.draw();
        (subject ? pad.view.mover : pad.view.handles.children[pad.state.selected])?.focus({preventScroll: true});
    }

    function onTap(pad, event) {
        if (event.pointerType !== "touch" || event.target.closest(".relight-pad-handle, .relight-pad-grip")) return;
        pad.drag = {};
        if (!pad.selected) pad.add();
        moveSelected(pad, event);
        pad.drag = null;
        pad.record();
    }

    /** Raise or lower the chosen light by five degrees, with Shift by one. */
    function raise(pad, event, isUp) {
        const light = pad.selected;
        if (!light || !pad.model.kindOf(light).settings.includes("elevation")) return;
        const degrees = light.light_elevation + (isUp ? 1 : -1) * (event.shiftKey ? 1 : 5);
        pad.change({...light, light_elevation: pad.model.clip(degrees, -90, 90)});
    }

    function onWheel(pad, event) {
        const handle = event.target.closest(".relight-pad-handle"), isOfSubject = event.target.closest("[data-moves]");
        if (!(handle || isOfSubject) || event.ctrlKey || !event.deltaY) return;
        event.preventDefault();
        if (isOfSubject) {
            zoom(pad, event.deltaY < 0 ? ZOOM : 1 / ZOOM);
            return;
        }
        if (indexOf(handle) !== pad.state.selected) pad.select(indexOf(handle));
        raise(pad, event, event.deltaY < 0);
    }

    function onHandleKey(pad, event) {
        const light = pad.selected, arrow = ARROWS[event.key];
        if (arrow) pad.change(pad.model.step(light, ...arrow, event.shiftKey, pad.state.kind));
        else if ((event.key === "+" || event.key === "=" || event.key === "-") && pad.model.kindOf(light).settings.includes("radius")) {
            const radius = light.light_radius + (event.key === "-" ? -0.05 : 0.05);
            pad.change({...light, light_radius: pad.model.round(pad.model.clip(radius, 0.01, 2), 2)});
        } else if (event.key === "PageUp" || event.key === "PageDown") raise(pad, event, event.key === "PageUp");
        else if (event.key === "Delete" || event.key === "Backspace") pad.remove();
        else if (event.key === "Home") pad.reset();
        else return;
        event.preventDefault();
    }

    function onSubjectKey(pad, event) {
        const {place} = pad.spot, arrow = ARROWS[event.key], step = event.shiftKey ? 0.01 : 0.05;
        if (arrow) pad.setPlace({...place, x: place.x + arrow[0] * step, y: place.y + arrow[1] * step});
        else if (["+", "=", "-"].includes(event.key)) zoom(pad, event.key === "-" ? 1 / ZOOM : ZOOM);
        else if (["Home", "Delete", "Backspace"].includes(event.key)) pad.setPlace(null);
        else return;
        event.preventDefault();
    }

    function onKey(pad, event) {
        const key = event.key.toLowerCase();
        if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "z" || key === "y")) {
            window.relight.undo.move(pad.tab, key === "y" || event.shiftKey ? 1 : -1);
            event.preventDefault();
        } else if (event.target.closest(".relight-pad-handle") && !event.ctrlKey && !event.metaKey) onHandleKey(pad, event);
        else if (event.target === pad.view.mover && !event.ctrlKey && !event.metaKey) onSubjectKey(pad, event);
    }

    function listenToControls(pad) {
        const {view} = pad;
        view.root.addEventListener("click", (event) => {
            const action = event.target.closest("[data-action]")?.dataset.action, chip = event.target.closest(".relight-pad-chip");
            if (chip) pad.select(indexOf(chip));
            const actions = {reset: () => pad.reset(), remove: () => pad.remove(), add: () => pad.add()};
            if (action) actions[action]();
        });
        for (const [name, {input}] of Object.entries(view.settings)) input.addEventListener("input", () => pad.set(name, input.value));
        for (const [kind, input] of Object.entries(view.kinds.inputs)) input.addEventListener("change", () => pad.setKind(kind));
        for (const [name, {select}] of Object.entries(view.menus)) select.addEventListener("change", () => pad.choose(name, select.value));
        view.mapOnly.addEventListener("change", () => pad.draw());
        view.cutOut.addEventListener("change", () => pad.cutOut());
    }

    /** Chromium starts a fling after a fast touch drag and drops a tap during it; this prevents the fling. */
    function onTouchMove(pad, event) {
        if (pad.drag && event.cancelable) event.preventDefault();
    }

    /** Attach all listeners of a pad. */
    function listen(pad) {
        const {stage, handles, root} = pad.view;
        const on = (element, type, react) => element.addEventListener(type, (event) => react(pad, event));
        on(stage, "pointerdown", onDown);
        on(stage, "pointermove", onMove);
        on(stage, "pointerup", onUp);
        on(stage, "pointercancel", onUp);
        stage.addEventListener("touchmove", (event) => onTouchMove(pad, event), {passive: false});
        stage.addEventListener("wheel", (event) => onWheel(pad, event), {passive: false});
        on(stage, "click", onTap);
        on(stage, "dblclick", (_, event) => (event.target.closest("[data-moves]") ? pad.setPlace(null) : pad.reset()));
        on(handles, "focusin", (_, event) => pad.state.selected !== indexOf(event.target) && pad.select(indexOf(event.target)));
        on(root, "keydown", onKey);
        listenToControls(pad);
    }

    return {listen};
})();
