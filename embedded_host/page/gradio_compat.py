"""Makes this process's gradio accept what the WebUIs' gradio accepts; importing it is enough.

On gradio 4: `_js=` on events, `source=` on inputs, `tooltip=`, arguments of gradio 3 (dropped with a warning), `gr.Box` and
`Component.update`. On every gradio: scripts and callbacks are told of each component, before and after it is created.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr
from modules import script_callbacks

VERSION = int(gr.__version__.split(".")[0])
GRADIO_4 = VERSION >= 4
HIDDEN = "hidden" if VERSION >= 6 else False
"""`visible` of a component that is on the page but not shown; False leaves it out since gradio 6."""
JS = "js" if GRADIO_4 else "_js"
"""The argument of events that takes JavaScript."""
MARK = "_relight_host_adapted"


class GradioDeprecationWarning(DeprecationWarning):
    """A component was given an argument of gradio 3."""


def accept_js(listener: Callable) -> Callable:
    """Return the event listener with `_js` as another name of `js`."""
    @wraps(listener)
    def listen(*args: Any, **kwargs: Any) -> Any:
        if "_js" in kwargs:
            kwargs.setdefault("js", kwargs.pop("_js"))
        return listener(*args, **kwargs)

    return listen


def accept_old_arguments(component: type) -> None:
    """Let a component class be created with the arguments of gradio 3, and give it `update`."""
    create = component.__init__
    known = inspect.signature(create).parameters

    @wraps(create)
    def __init__(self: Any, *args: Any, tooltip: str | None = None, source: str | None = None, **kwargs: Any) -> None:
        if source and "sources" in known:
            kwargs["sources"] = [source]
        unknown = kwargs.keys() - known
        for name in unknown:
            warnings.warn(f"unexpected argument for {component.__name__}: {name}", GradioDeprecationWarning, stacklevel=2)
        create(self, *args, **{name: value for name, value in kwargs.items() if name not in unknown})

    component.__init__ = __init__
    component.update = staticmethod(gr.update)
    for event in map(str, getattr(component, "EVENTS", ())):
        setattr(component, event, accept_js(getattr(component, event)))


def announce(component: type) -> None:
    """Tell scripts and callbacks before and after each component of a class is created; add the class `gradio-<name>`."""
    create = component.__init__

    @wraps(create)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        _tell("before_component", self, kwargs)
        create(self, *args, **kwargs)
        given = self.elem_classes or []
        self.elem_classes = [f"gradio-{self.get_block_name()}", *([given] if isinstance(given, str) else given)]
        _tell("after_component", self, kwargs)

    component.__init__ = __init__


def _tell(moment: str, component: Any, arguments: dict[str, Any]) -> None:
    from modules import scripts

    runner = scripts.scripts_current
    if runner:
        runner.on_component(moment, component, arguments)
    getattr(script_callbacks, f"{moment}_callback")(component, **arguments)


def write_no_stubs() -> None:
    """Keep gradio 4 from writing a .pyi file beside every component class that is not its own."""
    import gradio.component_meta as component_meta

    write = component_meta.create_or_modify_pyi

    def create_or_modify_pyi(component_class: type, class_name: str, events: Any) -> None:
        if component_class.__module__.split(".")[0] == "gradio":
            write(component_class, class_name, events)

    component_meta.create_or_modify_pyi = create_or_modify_pyi


def adapt() -> None:
    """Change this process's gradio, once."""
    if hasattr(gr, MARK):
        return
    setattr(gr, MARK, True)
    announce(gr.components.Component if GRADIO_4 else gr.components.IOComponent)
    announce(gr.blocks.BlockContext)
    if not GRADIO_4:
        return
    write_no_stubs()
    setup = gr.events.EventListener._setup
    gr.events.EventListener._setup = staticmethod(lambda *args, **kwargs: accept_js(setup(*args, **kwargs)))
    for name in sorted({*gr.components.__all__, *gr.layouts.__all__}):
        component = getattr(gr, name, None)
        if inspect.isclass(component) and issubclass(component, gr.blocks.Block):
            accept_old_arguments(component)
    gr.Box = gr.Group


adapt()
