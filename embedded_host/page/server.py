"""Serves the API, and the page unless told otherwise, on loopback unless told otherwise."""

from __future__ import annotations

import inspect
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ..flags import ANY_ADDRESS, LOOPBACK, accounts

START_SECONDS = 60
CLOSE_SECONDS = 2
"""How long open pages may keep a server that ends."""
JOBS_AT_ONCE = 8
"""Handlers of the page that may run side by side; jobs still wait for the queue's lock."""


def create_app(ui: bool = True, address: str = LOOPBACK) -> Any:
    """Return the FastAPI application of this process's EmbeddedHost. address: where it will be served."""
    from fastapi import FastAPI
    from modules import script_callbacks

    from ..api import access, error_responses, routes

    app = FastAPI(title="Relight", docs_url="/docs")
    page = build_page() if ui else None
    error_responses.install(app)
    app.add_middleware(access.OwnPagesOnly, address=address)
    routes.add_routes(app)
    script_callbacks.app_started_callback(page, app)
    return mount(app, page) if ui else app


def build_page() -> Any:
    """Return the page as gr.Blocks with its queue."""
    from .page import build_ui

    page = build_ui()
    limit = "default_concurrency_limit" if takes(page.queue, "default_concurrency_limit") else "concurrency_count"
    return page.queue(**{limit: JOBS_AT_ONCE})


def mount(app: Any, page: Any) -> Any:
    """Return the application with the page at "/", below the API's routes; --gradio-auth asks for a login, --subpath is the path
    that a proxy adds.

    In the WebUIs gradio's application is the only one: its users and the routes that ask for a login are found in ours as well.
    """
    import gradio as gr
    from modules.shared import cmd_opts

    from .head import served_paths

    values = {"allowed_paths": served_paths(), "blocked_paths": [], "auth": list(accounts(cmd_opts.gradio_auth).items()) or None,
              **({"root_path": f"/{cmd_opts.subpath}"} if cmd_opts.subpath else {})}
    vars(page).update(values)
    taken = {name: value for name, value in values.items() if takes(gr.mount_gradio_app, name)}
    gr.mount_gradio_app(app, page, path="/", **taken)
    below = app.routes[-1].app
    app.auth = below.auth
    app.router.routes[:0] = [route for route in below.routes if getattr(route, "path", None) in ("/login_check", "/config")]
    return app


def takes(function: Callable, name: str) -> bool:
    """Whether this version's function has a parameter of that name."""
    return name in inspect.signature(function).parameters


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class ServerThread:
    """The application served by a thread: `with ServerThread() as server: ... server.url`.

    address: where it listens; loopback, or every address with the flag --listen.
    """

    def __init__(self, port: int | None = None, ui: bool = True, address: str | None = None):
        import uvicorn
        from modules.shared import cmd_opts

        self.address = address = address or (ANY_ADDRESS if cmd_opts.listen else LOOPBACK)
        self.port = port or free_port()
        self.app = create_app(ui=ui, address=address)
        self.server = uvicorn.Server(uvicorn.Config(self.app, host=address, port=self.port, log_level="warning",
                                                    timeout_graceful_shutdown=CLOSE_SECONDS))
        self.thread = threading.Thread(target=self.server.run, daemon=True, name="relight-server")

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK if self.address == ANY_ADDRESS else self.address}:{self.port}"

    def start(self) -> ServerThread:
        """Return when the server answers. Raises RuntimeError after START_SECONDS."""
        self.thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.server.started:
            if time.monotonic() > deadline or not self.thread.is_alive():
                raise RuntimeError(f"The server on {self.url} did not start.")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()
