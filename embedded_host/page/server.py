"""Serves the API, and the page unless told otherwise, on loopback unless told otherwise."""

from __future__ import annotations

import inspect
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

LOOPBACK = "127.0.0.1"
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
    """Return the application with the page at "/", below the API's routes."""
    import gradio as gr

    from .head import served_paths

    if takes(gr.mount_gradio_app, "allowed_paths"):
        return gr.mount_gradio_app(app, page, path="/", allowed_paths=served_paths())
    page.allowed_paths, page.blocked_paths = served_paths(), []
    return gr.mount_gradio_app(app, page, path="/")


def takes(function: Callable, name: str) -> bool:
    """Whether this version's function has a parameter of that name."""
    return name in inspect.signature(function).parameters


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


class ServerThread:
    """The application served by a thread: `with ServerThread() as server: ... server.url`."""

    def __init__(self, port: int | None = None, ui: bool = True, address: str = LOOPBACK):
        import uvicorn

        self.address, self.port = address, port or free_port()
        self.app = create_app(ui=ui, address=address)
        self.server = uvicorn.Server(uvicorn.Config(self.app, host=address, port=self.port, log_level="warning",
                                                    timeout_graceful_shutdown=CLOSE_SECONDS))
        self.thread = threading.Thread(target=self.server.run, daemon=True, name="relight-server")

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

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
