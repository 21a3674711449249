"""Makes this process's gradio accept what the hosts' gradio accepts. Importing it is enough.

On gradio 4: `_js=` on events, `source=` on inputs, `tooltip=`, arguments of gradio 3 (dropped with a warning),
`Component.update` and `gr.Box`. On every gradio: before_component/after_component callbacks and `gradio-*` classes.
"""

from __future__ import annotations

import inspect
import warnings
from functools import wraps

import gradio as gr

from modules import script_callbacks

GRADIO_4 = int(gr.__version__.split(".")[0]) >= 4
MARK = "_relight_host_adapted"


class GradioDeprecationWarning(DeprecationWarning):
    pass


def accept_js(listener):
    """An event listener that takes `_js` for `js`."""
    @wraps(listener)
    def listen(*args, **kwargs):
        if "_js" in kwargs:
            kwargs["js"] = kwargs.pop("_js")
        return listener(*args, **kwargs)

    return listen


def accept_old_arguments(cls):
    """Let `cls` be made with the arguments of gradio 3, and give it `update`."""
    original = cls.__init__
    accepted = inspect.signature(original).parameters

    @wraps(original)
    def __init__(self, *args, tooltip=None, source=None, **kwargs):
        if source and "sources" in accepted:
            kwargs["sources"] = [source]
        for name in [name for name in kwargs if name not in accepted]:
            warnings.warn(f"unexpected argument for {cls.__name__}: {name}", GradioDeprecationWarning, stacklevel=2)
            kwargs.pop(name)
        original(self, *args, **kwargs)
        self.webui_tooltip = tooltip

    cls.__init__ = __init__
    cls.update = staticmethod(gr.update)
    for event in getattr(cls, "EVENTS", ()):
        setattr(cls, str(event), accept_js(getattr(cls, str(event))))


def announce(cls):
    """Tell scripts and callbacks before and after each component of `cls` is made."""
    original = cls.__init__

    @wraps(original)
    def __init__(self, *args, **kwargs):
        _tell("before_component", self, kwargs)
        original(self, *args, **kwargs)
        classes = [self.elem_classes] if isinstance(self.elem_classes, str) else self.elem_classes or []
        self.elem_classes = [f"gradio-{self.get_block_name()}", *classes]
        _tell("after_component", self, kwargs)

    cls.__init__ = __init__


def _tell(moment, component, kwargs):
    from modules import scripts

    if scripts.scripts_current is not None:
        getattr(scripts.scripts_current, moment)(component, **kwargs)
    getattr(script_callbacks, f"{moment}_callback")(component, **kwargs)


def leave_no_stubs():
    """gradio 4 writes a .pyi file beside each component class; not beside those of WebUIs and extensions."""
    import gradio.component_meta as component_meta

    write = component_meta.create_or_modify_pyi

    def create_or_modify_pyi(component_class, class_name, events):
        if component_class.__module__.split(".")[0] == "gradio":
            write(component_class, class_name, events)

    component_meta.create_or_modify_pyi = create_or_modify_pyi


def adapt():
    """Idempotent."""
    if getattr(gr, MARK, False):
        return
    setattr(gr, MARK, True)
    announce(gr.components.Component if GRADIO_4 else gr.components.IOComponent)
    announce(gr.blocks.BlockContext)
    if not GRADIO_4:
        return
    leave_no_stubs()
    setup = gr.events.EventListener._setup
    gr.events.EventListener._setup = staticmethod(lambda *args, **kwargs: accept_js(setup(*args, **kwargs)))
    for name in sorted({*gr.components.__all__, *gr.layouts.__all__}):
        cls = getattr(gr, name, None)
        if inspect.isclass(cls) and issubclass(cls, gr.blocks.Block):
            accept_old_arguments(cls)
    gr.Box = gr.Group


adapt()
