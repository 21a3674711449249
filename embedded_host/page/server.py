"""Serves the API, and the page unless told otherwise, on this machine's own address."""

from __future__ import annotations

import inspect
import socket
import threading
import time

LOCALHOST = "127.0.0.1"
START_SECONDS = 60
CLOSE_SECONDS = 2
"""How long open pages may keep a server that ends."""
JOBS_AT_ONCE = 8
"""Handlers of the page that may run side by side; jobs still wait for the queue's lock."""


def create_app(host=None, *, ui=True):
    """The FastAPI application of the booted host, whose surface is this process's. Needs fastapi and gradio."""
    from fastapi import FastAPI
    from modules import call_queue, progress, script_callbacks
    from modules.api.api import Api

    app = FastAPI(title="Relight", docs_url="/docs")
    page = _build_page() if ui else None
    Api(app, call_queue.queue_lock)
    progress.setup_progress_api(app)
    script_callbacks.app_started_callback(page, app)
    return _mount(app, page) if ui else app


def _build_page():
    from .page import build_ui

    page = build_ui()
    limit = "default_concurrency_limit" if takes(page.queue, "default_concurrency_limit") else "concurrency_count"
    return page.queue(**{limit: JOBS_AT_ONCE})


def _mount(app, page):
    """The page at "/", below the API's routes."""
    import gradio as gr

    from .page_head import served_paths

    if takes(gr.mount_gradio_app, "allowed_paths"):
        return gr.mount_gradio_app(app, page, path="/", allowed_paths=served_paths())
    page.allowed_paths, page.blocked_paths = served_paths(), []
    return gr.mount_gradio_app(app, page, path="/")


def takes(function, name):
    """Whether this gradio's function has a parameter of that name."""
    return name in inspect.signature(function).parameters


def free_port():
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


class ServerThread:
    """The application served by a thread: `with ServerThread() as server: … server.url`."""

    def __init__(self, port=None, ui=True):
        import uvicorn

        self.port = port or free_port()
        self.app = create_app(ui=ui)
        self.server = uvicorn.Server(uvicorn.Config(self.app, host=LOCALHOST, port=self.port, log_level="warning",
                                                    timeout_graceful_shutdown=CLOSE_SECONDS))
        self.thread = threading.Thread(target=self.server.run, daemon=True, name="relight-server")

    @property
    def url(self):
        return f"http://{LOCALHOST}:{self.port}"

    def start(self):
        """Returns when the server answers. Raises RuntimeError after START_SECONDS."""
        self.thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self.server.started:
            if time.monotonic() > deadline or not self.thread.is_alive():
                raise RuntimeError(f"The server on {self.url} did not start.")
            time.sleep(0.02)
        return self

    def stop(self):
        self.server.should_exit = True
        self.thread.join(timeout=10)

    __enter__ = start

    def __exit__(self, *_):
        self.stop()
