"""A small typed client of Relight's HTTP API, for a WebUI that was started with --api. Needs Python 3.10 and requests.

    client = RelightClient("http://127.0.0.1:7860")
    unit = Unit(model="ip-adapter", image=encoded("style.png"), weight=0.5)
    images = client.txt2img("a portrait, soft light", Light(light="left", foreground=encoded("subject.png")), [unit], steps=20)
    Path("relit.png").write_bytes(images[0])
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypedDict

import requests


class Message(TypedDict):
    """One sentence about one field of a request."""

    field: str | None
    value: Any
    sentence: str


class Check(TypedDict):
    """errors: the job would fail with these. warnings: fields that would have no effect."""

    errors: list[Message]
    warnings: list[Message]


class RelightApiError(Exception):
    """An error response: its HTTP status and its sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(f"{status}: {sentence}")
        self.status, self.sentence = status, sentence


@dataclass
class Part:
    """A part of a request; fields that are None are not sent and take the server's defaults."""

    def to_json(self) -> dict[str, Any]:
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}


@dataclass
class Light(Part):
    """The most used fields of `iclight`; images are base64. docs/API.md lists all."""

    light: str | None = None
    foreground: str | None = None
    background: str | None = None
    model: str | None = None
    light_color: str | None = None
    intensity: float | None = None
    matting: str | None = None
    detail: float | None = None


@dataclass
class Unit(Part):
    """The most used fields of one `ip_adapter` unit; image: base64, or "subject"."""

    model: str
    image: str
    weight: float | None = None
    weight_type: str | None = None
    start: float | None = None
    end: float | None = None


class RelightClient:
    """Jobs and checks on one server. auth: (name, password) of --api-auth."""

    def __init__(self, url: str, auth: tuple[str, str] | None = None, timeout: float = 600):
        self.url, self.timeout = url.rstrip("/"), timeout
        self.session = requests.Session()
        self.session.auth = auth

    def txt2img(self, prompt: str, light: Light | None = None, units: list[Unit] | None = None, **job: Any) -> list[bytes]:
        """Run a job and return its images as PNG files. job: further fields, such as steps, width and seed."""
        return self.run("txt2img", payload(light, units, prompt=prompt, **job))

    def img2img(self, prompt: str, init_image: str, light: Light | None = None, units: list[Unit] | None = None,
                **job: Any) -> list[bytes]:
        """Relight an image, which is the subject unless the light has a foreground. init_image: base64."""
        return self.run("img2img", payload(light, units, prompt=prompt, init_images=[init_image], **job))

    def check(self, light: Light | None = None, units: list[Unit] | None = None, tab: str = "txt2img", **job: Any) -> Check:
        """Validate a job without running it."""
        return self.request("POST", "/relight/v1/check", {**payload(light, units, **job), "tab": tab})

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of Relight's part of a job."""
        return self.request("GET", "/relight/v1/schema")

    def run(self, tab: str, job: dict[str, Any]) -> list[bytes]:
        return [base64.b64decode(image) for image in self.request("POST", f"/sdapi/v1/{tab}", job)["images"]]

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = self.session.request(method, self.url + path, json=body, timeout=self.timeout)
        if not response.ok:
            raise RelightApiError(response.status_code, detail_of(response))
        return response.json()


def payload(light: Light | None, units: list[Unit] | None, **job: Any) -> dict[str, Any]:
    """Return a job's payload with Relight's part in `alwayson_scripts`."""
    parts = {"iclight": light and light.to_json(), "ip_adapter": [unit.to_json() for unit in units or []]}
    return {**job, "alwayson_scripts": {"Relight": {"args": [{name: part for name, part in parts.items() if part}]}}}


def detail_of(response: requests.Response) -> str:
    """Return `detail`, which is a sentence in every error of Relight; FastAPI's own are lists."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError):
        return response.text[:200]


def encoded(path: str | Path) -> str:
    """Return an image file as base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()
